"""Which mentions somebody sees: where an entity is mentioned tells what was said there."""

from __future__ import annotations

from uuid import UUID

from mnemon.conversations.visibility import visible_source
from mnemon.core.principal import Principal
from mnemon.db.params import Params

#: Tables of what is a person's own, by what a mention calls its source.
_PERSONAL = {"email": "gmail_messages", "file": "drive_files"}


def visible_mention(principal: Principal, params: Params, eyes: UUID | None) -> str:
    """Return the predicate (alias ``m``) over mentions whose entity and whose source the principal may see.

    Args:
        principal: who looks.
        params: takes the values; its first is the organisation.
        eyes: the one person whose entities are seen beside the organisation's; None: everybody's.
    """
    if principal.is_organization:
        return "true"
    person = params.add(eyes, "uuid")
    cases = [
        f"WHEN '{kind}' THEN {visible_source(principal, kind, 'm.source_id', params, alias=f'said_{kind}')}"
        for kind in ("message", "memory")
    ]
    cases += [
        f"WHEN '{kind}' THEN EXISTS (SELECT FROM {table} own "
        f"WHERE own.organization_id = $1 AND own.id = m.source_id AND own.user_id = {person})"
        for kind, table in _PERSONAL.items()
    ]
    return (
        "EXISTS (SELECT FROM entities e WHERE e.organization_id = $1 AND e.id = m.entity_id "
        f"AND (e.user_id IS NULL OR e.user_id = {person})) AND CASE m.source_type {' '.join(cases)} ELSE false END"
    )
