"""What of the trail somebody is shown: to all who may read it that something was done, to few what it was."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from mnemon.conversations.visibility import visible, visible_conversation
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.operations.schemas import AuditEntry

#: Tables whose rows belong to somebody inside the organisation.
_PRIVATE = ("memories", "conversations", "integrations", "oauth_tokens")


async def shown(connection: Connection, principal: Principal, entries: Sequence[AuditEntry]) -> tuple[AuditEntry, ...]:
    """Return the entries as the principal may read them: of what they may not see, who did what to which row and when.

    A right to read the trail is no right to read what is private: a conversation's title and summary, a memory's
    metadata, whose mail is connected. The organisation's own process reads all of it.
    """
    if principal.is_organization:
        return tuple(entries)
    hidden: set[tuple[str, str | None]] = set()
    for table in _PRIVATE:
        named = {one.resource_id for one in entries if one.resource_type == table}
        ids = {name: one for name in named if (one := _id(name)) is not None}
        seen = await _seen(connection, principal, table, set(ids.values())) if ids else set()
        hidden |= {(table, name) for name in named if ids.get(name or "") not in seen}
    return tuple(
        one.model_copy(update={"old_value": {}, "new_value": {}, "metadata": {}, "error_message": None})
        if (one.resource_type, one.resource_id) in hidden
        else one
        for one in entries
    )


async def _seen(connection: Connection, principal: Principal, table: str, ids: Collection[UUID]) -> set[UUID]:
    params = Params(principal.organization_id, list(ids))
    if table == "memories":
        rule = visible(principal, "memory", params)
    elif table == "conversations":
        rule = visible_conversation(principal, params, alias="t")
    else:
        rule = f"t.user_id = {params.add(principal.user_id, 'uuid')}"
    rows = await connection.fetch(
        f"SELECT t.id FROM {table} t WHERE t.organization_id = $1 AND t.id = ANY($2::uuid[]) AND {rule}",  # noqa: S608
        *params.values,
    )
    return {row["id"] for row in rows}


def _id(name: str | None) -> UUID | None:
    try:
        return UUID(name) if name is not None else None
    except ValueError:
        return None
