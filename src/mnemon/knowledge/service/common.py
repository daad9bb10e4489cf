"""What the verbs of knowledge share."""

from __future__ import annotations

from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import Invalid


def acting_agent(ctx: Context, given: UUID | None, field: str) -> UUID:
    """Return the agent that was named, or the one that acts.

    Raises:
        Invalid: neither is there.
    """
    agent = given or ctx.principal.agent_id
    if agent is None:
        raise Invalid(f"{field} is required where no agent acts.", code="invalid.required", field=field)
    return agent
