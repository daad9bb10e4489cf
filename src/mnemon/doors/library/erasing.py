"""What is to be erased, from the arguments of the library's verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import Invalid
from mnemon.core.text import parse

if TYPE_CHECKING:
    from mnemon.operations.schemas import Erase, ErasurePreview


def erasure(
    ctx: Context | None,
    user: str | UUID | None,
    conversation: str | UUID | None,
    organization: bool,
    *,
    by: str | None = None,
    preview: ErasurePreview | None = None,
) -> Erase:
    """Return the request; a UUID is an id and nothing else. Without a context it is for a server.

    Raises:
        Invalid: not one of the three is given, or ``by`` is no field; or all of an organisation is to be erased on a
            server.
    """
    from mnemon.operations.schemas import Erase

    subjects = {"user": user, "conversation": conversation, "organization": organization or None}
    kinds = [kind for kind, name in subjects.items() if name is not None]
    if len(kinds) != 1:
        raise Invalid("Give one of user, conversation and organization.", code="invalid.erase")
    if organization and ctx is None:
        raise Invalid(
            "A whole organisation is erased where its database is, not over HTTP.",
            code="invalid.remote",
            hint="Run `mnemon erase --organization SLUG` there.",
        )
    name = ctx.principal.organization_id if organization and ctx is not None else subjects[kinds[0]]
    field = "id" if isinstance(name, UUID) else by
    return parse(Erase, {"kind": kinds[0], "name": str(name), "by": field, "preview": preview})
