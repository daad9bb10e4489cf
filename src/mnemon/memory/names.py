"""Names to ids and back, through the context's cache: what a name stands for does not change while it exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from mnemon.agents import service as agents
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.db.connection import Connection
from mnemon.identity import service as identity

Labels = dict[UUID, tuple[str | None, str | None]]

_FIND: dict[str, Callable[..., Awaitable[dict[str, UUID]]]] = {
    "user": identity.find_users,
    "agent": agents.find_agents,
    "conversation": conversations.find_conversations,
}
_LABELS: dict[str, Callable[..., Awaitable[Labels]]] = {
    "user": identity.labels,
    "agent": agents.labels,
    "conversation": conversations.labels,
}


async def find(ctx: Context, connection: Connection, kind: str, name: str) -> UUID | None:
    """Return the id of a user, an agent or a conversation by the caller's own string; None while there is none."""
    organization = ctx.principal.organization_id
    key = (organization, kind, name)
    found: UUID | None = ctx.cache.get(key)
    if found is None:
        found = (await _FIND[kind](connection, organization, [name])).get(name)
        if found is not None:
            ctx.cache.put(key, found)
    return found


async def labels(ctx: Context, connection: Connection, kind: str, ids: Iterable[UUID | None]) -> Labels:
    """Return (the caller's own string, the name shown) by id."""
    organization = ctx.principal.organization_id
    asked = {row_id for row_id in ids if row_id is not None}
    cached: Labels = {
        row_id: cached_label
        for row_id in asked
        if (cached_label := ctx.cache.get((organization, kind, row_id))) is not None
    }
    missing = asked - cached.keys()
    if missing:
        for row_id, label in (await _LABELS[kind](connection, organization, missing)).items():
            cached[row_id] = label
            ctx.cache.put((organization, kind, row_id), label)
    return cached
