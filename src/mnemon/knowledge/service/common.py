"""What the verbs of knowledge share."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from mnemon.context import Context
from mnemon.core.errors import Invalid, NotFound

T = TypeVar("T", bound=BaseModel)


def acting_agent(ctx: Context, given: UUID | None, field: str) -> UUID:
    """The agent that was named, or the one that acts.

    Raises:
        Invalid: neither is there.
    """
    agent = given or ctx.principal.agent_id
    if agent is None:
        raise Invalid(f"{field} is required where no agent acts.", code="invalid.required", field=field)
    return agent


def changes(request: BaseModel, *, keys: frozenset[str] = frozenset({"id", "expected_version"})) -> dict[str, Any]:
    """What a request for a change gives: its fields that are neither keys nor left out.

    Raises:
        Invalid: it changes nothing.
    """
    found = {name: getattr(request, name) for name in request.model_fields_set - keys}
    found = {name: value for name, value in found.items() if value is not None}
    if not found:
        raise Invalid("This changes nothing: give at least one field.", code="invalid.no_change")
    return found


def missing(what: str, row_id: UUID) -> NotFound:
    """The error for what is not there: unknown, deleted and another organisation's look the same."""
    return NotFound(f"There is no {what.replace('_', ' ')} {row_id}.", code=f"not_found.{what}", id=str(row_id))
