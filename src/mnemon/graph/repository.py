"""SQL of graph."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement
from mnemon.db.types import dump_json
from mnemon.graph.models import EntityORM, EntityRelationshipORM
from mnemon.graph.schemas import EnsureEntity, ListMentions, NewMention, Relate
from mnemon.graph.visibility import visible_mention

PACKAGE = "mnemon.graph"

Lock = Literal["UPDATE", "NO KEY UPDATE", "KEY SHARE"]


class EntityRepository(BaseRepository[EntityORM]):
    """Entities of one organisation."""

    model = EntityORM


class RelationshipRepository(BaseRepository[EntityRelationshipORM]):
    """Relationships of one organisation."""

    model = EntityRelationshipORM


async def find(
    connection: Connection,
    organization_id: UUID,
    name: str,
    *,
    eyes: UUID | None,
    entity_type: str | None,
    limit: int,
) -> list[Any]:
    """Return living entities by name or alias."""
    query = statement(PACKAGE, "find_entities")
    return await connection.fetch(query, organization_id, name, eyes, entity_type, limit)


async def same(
    connection: Connection, organization_id: UUID, user_id: UUID | None, entity_type: str, name: str
) -> UUID | None:
    """Return the living entity of exactly this owner, type and name or alias, locked."""
    query = statement(PACKAGE, "same_entity")
    found: UUID | None = await connection.fetchval(query, organization_id, user_id, entity_type, name)
    return found


async def add(
    connection: Connection, organization_id: UUID, entity_id: UUID, request: EnsureEntity, at: datetime
) -> bool:
    """Make an entity; False if one of the same name came first."""
    own = request.name.lower()
    aliases = tuple(alias for alias in request.aliases if alias.lower() != own)
    made = await connection.fetchval(
        statement(PACKAGE, "ensure_entity"),
        organization_id,
        entity_id,
        request.user_id,
        request.entity_type,
        request.name,
        list(aliases),
        request.description,
        dump_json(request.metadata),
        at,
    )
    return made is not None


async def see(
    connection: Connection, organization_id: UUID, entity_id: UUID, request: EnsureEntity, at: datetime
) -> None:
    """Note that an entity was seen again; what was not known of it is added, what was known stays."""
    await connection.execute(
        statement(PACKAGE, "see_entity"),
        organization_id,
        entity_id,
        at,
        list(request.aliases),
        request.description,
        dump_json(request.metadata),
    )


async def entities(connection: Connection, organization_id: UUID, ids: Collection[UUID]) -> dict[UUID, Any]:
    """Return entities by id, merged ones included."""
    rows = await connection.fetch(statement(PACKAGE, "entities"), organization_id, list(ids))
    return {row["id"]: row for row in rows}


async def lock(connection: Connection, organization_id: UUID, ids: Collection[UUID], mode: Lock) -> bool:
    """Lock living entities, in one order for all; False if one of them has ended meanwhile."""
    rows = await connection.fetch(
        f"SELECT id, deleted_at FROM entities WHERE organization_id = $1 AND id = ANY($2::uuid[]) "  # noqa: S608 - ours
        f"ORDER BY id FOR {mode}",
        organization_id,
        list(ids),
    )
    return len(rows) == len(set(ids)) and all(row["deleted_at"] is None for row in rows)


async def alone_in_merging(connection: Connection) -> None:
    """Wait until no other merge of the transaction's organisation is under way, until the transaction ends."""
    await connection.fetchval("SELECT lock_tenant('graph:merge')")


async def relate(connection: Connection, organization_id: UUID, request: Relate) -> Any:
    """Write a relationship."""
    return await connection.fetchrow(
        statement(PACKAGE, "relate"),
        organization_id,
        request.source_entity_id,
        request.target_entity_id,
        request.relationship_type,
        request.strength,
        request.context,
    )


async def add_mentions(
    connection: Connection, organization_id: UUID, mentions: Sequence[NewMention], at: datetime
) -> int:
    """Write mentions; how many were new."""
    rows = await connection.fetch(
        statement(PACKAGE, "add_mentions"),
        organization_id,
        [one.entity_id for one in mentions],
        [one.source_type for one in mentions],
        [one.source_id for one in mentions],
        [one.context for one in mentions],
        [one.position for one in mentions],
        at,
    )
    return sum(row["times"] for row in rows)


async def mentions(
    connection: Connection,
    principal: Principal,
    request: ListMentions,
    entity_id: UUID | None,
    eyes: UUID | None,
    after: Sequence[Any],
) -> list[Any]:
    """Return mentions that the principal sees, newest first, after a place; one more than asked for if there are."""
    about = (entity_id, request.source_type, request.source_id)
    params = Params(principal.organization_id, *about, *after, request.limit + 1)
    seen = visible_mention(principal, params, eyes)
    return await connection.fetch(statement(PACKAGE, "list_mentions", seen=seen), *params.values)


async def merge(connection: Connection, organization_id: UUID, source: UUID, target: UUID) -> None:
    """Move everything of one entity to another, and end it; both are locked."""
    await connection.fetchrow(statement(PACKAGE, "merge_relationships"), organization_id, source, target)
    moved = await connection.fetchrow(statement(PACKAGE, "merge_mentions"), organization_id, source, target)
    await connection.execute(statement(PACKAGE, "end_entity"), organization_id, source, target)
    await connection.execute(statement(PACKAGE, "absorb_entity"), organization_id, source, target, moved["doubles"])


async def neighbours(
    connection: Connection, organization_id: UUID, entity_id: UUID, *, depth: int, eyes: UUID | None, limit: int
) -> list[Any]:
    """Return entities that are near."""
    return await connection.fetch(statement(PACKAGE, "neighbours"), organization_id, entity_id, depth, eyes, limit)
