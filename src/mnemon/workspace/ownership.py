"""Whose personal rows a principal may reach: tasks, documents, notifications, mail, calendars, files."""

from __future__ import annotations

from uuid import UUID

from mnemon.core.errors import Forbidden, Invalid
from mnemon.core.principal import Principal


def owner_of(principal: Principal, user_id: UUID | None) -> UUID:
    """Return the person that something is done for: a person acts for themselves, the organisation's process names one.

    Raises:
        Invalid: the organisation's own process names nobody.
        Forbidden: a person names somebody else, or an agent acts for nobody.
    """
    found = reach_of(principal, user_id)
    if found is None:
        raise Invalid(
            "user_id: say whom this is for.",
            code="invalid.required",
            hint="A trusted process of the organisation acts for everybody, so it names the person.",
            field="user_id",
        )
    return found


def reach_of(principal: Principal, user_id: UUID | None) -> UUID | None:
    """Return the one person whose rows may be read; None, everybody's, for the organisation's own process.

    Raises:
        Forbidden: a person names somebody else, or an agent acts for nobody.
    """
    if principal.user_id is not None:
        if user_id not in (None, principal.user_id):
            raise Forbidden("These belong to somebody else.", code="forbidden.owner", field="user_id")
        return principal.user_id
    if principal.agent_id is not None:
        raise Forbidden(
            "An agent reaches what is personal only on behalf of the person.",
            code="forbidden.owner",
            hint="Let the agent act with the person's id beside its own.",
            field="user_id",
        )
    return user_id
