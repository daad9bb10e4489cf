"""The verbs of graph."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, Invalid
from mnemon.core.ids import new_id
from mnemon.core.pages import Page
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.graph import repository
from mnemon.graph.repository import EntityRepository, Lock, RelationshipRepository
from mnemon.graph.schemas import (
    Count,
    Ensured,
    EnsureEntity,
    Entity,
    FindEntity,
    ListMentions,
    Mention,
    MergeEntities,
    Neighbour,
    Neighbours,
    Relate,
    Relationship,
    StoredMention,
    UpdateEntity,
)
from mnemon.verbs import verb

T = TypeVar("T")

#: Whoever acts on an entity that ends at this very moment looks again at what it became.
_ATTEMPTS = 5
#: No person has this id: an agent that acts for nobody sees what is the whole organisation's.
_NOBODY = UUID(int=0)
_MENTIONS = Listing.newest("graph.list_mentions")
#: Merges that an id is followed through.
_CHAIN = 100


def eyes_of(principal: Principal, user_id: UUID | None = None) -> UUID | None:
    """Return the one person whose entities are seen beside the organisation's; None: everybody's.

    Raises:
        Forbidden: a person or an agent names somebody else.
    """
    if principal.is_organization:
        return user_id
    if user_id not in (None, principal.user_id):
        raise Forbidden("These belong to somebody else.", code="forbidden.owner", field="user_id")
    return principal.user_id or _NOBODY


@verb("entities:write")
async def ensure_entity(ctx: Context, request: EnsureEntity) -> Ensured:
    """Find the entity of this type by this name or alias, or make it; nothing that is known is overwritten.

    Two who make the same one at once get the same one.

    Raises:
        Forbidden: it is to be somebody else's.
        NotFound: the person is not one of this organisation.
    """
    eyes_of(ctx.principal, request.user_id)
    organization = ctx.principal.organization_id
    at = request.seen_at or ctx.clock.now()
    for _ in range(_ATTEMPTS):
        async with ctx.database.transaction(ctx.principal) as connection:
            found = await repository.same(connection, organization, request.user_id, request.entity_type, request.name)
            created = False
            if found is None:
                found = new_id()
                created = await repository.add(connection, organization, found, request, at)
                if not created:
                    continue
            else:
                await repository.see(connection, organization, found, request, at)
            row = (await repository.entities(connection, organization, [found]))[found]
            return Ensured(entity=_entity(row), created=created)
    raise _busy()


@verb("entities:read")
async def get_entity(ctx: Context, entity_id: UUID) -> Entity:
    """Read an entity; for one that was merged, the one it became.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        found = await _living(ctx, connection, [entity_id])
        return _entity(found[entity_id])


@verb("entities:read")
async def find_entity(ctx: Context, request: FindEntity) -> tuple[Entity, ...]:
    """Find entities by name or alias, in any case of letters: a person's own first, then the most mentioned."""
    eyes = eyes_of(ctx.principal, request.user_id)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.find(
            connection,
            ctx.principal.organization_id,
            request.name,
            eyes=eyes,
            entity_type=request.entity_type,
            limit=request.limit,
        )
    return tuple(_entity(row) for row in rows)


@verb("entities:write")
async def update_entity(ctx: Context, request: UpdateEntity) -> Entity:
    """Change an entity.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
        Conflict: it has another version than the one expected, or another entity has the name.
    """
    values = request.model_dump(exclude={"id", "expected_version"}, exclude_none=True)
    if "aliases" in values:
        values["aliases"] = list(values["aliases"])
    if "metadata" in values:
        values["metadata_"] = values.pop("metadata")
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        await _living(ctx, connection, [request.id], follow=False)
    async with ctx.database.session(ctx.principal) as session:
        entities = EntityRepository(session, ctx.principal.organization_id)
        await entities.update(request.id, expected_version=request.expected_version, **values)
    return await _reread(ctx, request.id)


async def _reread(ctx: Context, entity_id: UUID) -> Entity:
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        return _entity((await _living(ctx, connection, [entity_id]))[entity_id])


@verb("entities:delete")
async def delete_entity(ctx: Context, entity_id: UUID) -> Count:
    """Delete an entity softly: it is no longer found, nor a neighbour of any.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        await _living(ctx, connection, [entity_id], follow=False)
    async with ctx.database.session(ctx.principal) as session:
        return Count(count=int(await EntityRepository(session, ctx.principal.organization_id).delete(entity_id)))


@verb("entities:write")
async def relate(ctx: Context, request: Relate) -> Relationship:
    """Say how one entity relates to another; said again, it changes the strength. Merged entities are followed.

    Raises:
        NotFound: one of them is not there, or not this principal's to see.
        Invalid: the two have become one.
    """

    async def act(connection: Connection, found: Mapping[UUID, Any]) -> Relationship:
        source, target = found[request.source_entity_id]["id"], found[request.target_entity_id]["id"]
        if source == target:
            raise Invalid("The two have become one entity.", code="invalid.target_entity_id", field="target_entity_id")
        moved = request.model_copy(update={"source_entity_id": source, "target_entity_id": target})
        row = await repository.relate(connection, ctx.principal.organization_id, moved)
        return from_row(Relationship, row)

    return await _on_living(ctx, (request.source_entity_id, request.target_entity_id), "KEY SHARE", act)


@verb("entities:delete")
async def unrelate(ctx: Context, relationship_id: UUID) -> Count:
    """Delete a relationship softly.

    Raises:
        NotFound: there is none, or one of its entities is not this principal's to see.
    """
    async with ctx.database.session(ctx.principal) as session:
        row = await RelationshipRepository(session, ctx.principal.organization_id).get_by_id(relationship_id)
    if row is None:
        raise missing("relationship", relationship_id)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        await _living(ctx, connection, [row.source_entity_id, row.target_entity_id])
    async with ctx.database.session(ctx.principal) as session:
        if not await RelationshipRepository(session, ctx.principal.organization_id).delete(relationship_id):
            raise missing("relationship", relationship_id)
    return Count(count=1)


@verb("entities:write")
async def mention(ctx: Context, request: Mention) -> Count:
    """Note where entities are mentioned, and count it; a place that is known already is not counted again.

    Raises:
        NotFound: an entity is not there, or not this principal's to see: nothing is noted.
    """
    at = request.at or ctx.clock.now()

    async def act(connection: Connection, found: Mapping[UUID, Any]) -> Count:
        moved = [one.model_copy(update={"entity_id": found[one.entity_id]["id"]}) for one in request.mentions]
        return Count(count=await repository.add_mentions(connection, ctx.principal.organization_id, moved, at))

    return await _on_living(ctx, {one.entity_id for one in request.mentions}, "NO KEY UPDATE", act)


@verb("entities:read")
async def list_mentions(ctx: Context, request: ListMentions) -> Page[StoredMention]:
    """List mentions of an entity or in a source, newest first; of sources that are this principal's to see.

    Raises:
        NotFound: the entity is not there, or not this principal's to see.
    """
    eyes = eyes_of(ctx.principal)
    after = _MENTIONS.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        wanted = None
        if request.entity_id is not None:
            wanted = (await _living(ctx, connection, [request.entity_id]))[request.entity_id]["id"]
        rows = await repository.mentions(connection, ctx.principal, request, wanted, eyes, after)
    return _MENTIONS.page(ctx.principal, request, rows, partial(from_row, StoredMention))


@verb("entities:write")
async def merge_entities(ctx: Context, request: MergeEntities) -> Entity:
    """Make two entities one: mentions and relationships move, counts add up, names become aliases.

    A place both were mentioned in is kept once, of two relationships that become the same the stronger strength stays,
    and what related the two to each other ends. Done again, it changes nothing. Merges of an organisation come one
    after the other; who relates or mentions meanwhile ends up at the entity that stays.

    Raises:
        NotFound: one of them is not there, or not this principal's to see.
        Invalid: one is a person's and the other is somebody else's or the organisation's.
    """
    organization = ctx.principal.organization_id

    async def act(connection: Connection, found: Mapping[UUID, Any]) -> Entity:
        source, target = found[request.source_id], found[request.target_id]
        if source["user_id"] != target["user_id"]:
            raise Invalid(
                "What is a person's and what is somebody else's are not made one.",
                code="invalid.merge_owner",
                field="source_id",
            )
        if source["id"] != target["id"]:
            await repository.merge(connection, organization, source["id"], target["id"])
        return _entity((await repository.entities(connection, organization, [target["id"]]))[target["id"]])

    return await _on_living(ctx, (request.source_id, request.target_id), "UPDATE", act)


@verb("entities:read")
async def neighbours(ctx: Context, request: Neighbours) -> tuple[Neighbour, ...]:
    """Find entities at most ``depth`` relationships away in either direction, nearest and strongest first.

    Raises:
        NotFound: the entity is not there, or not this principal's to see.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        found = await _living(ctx, connection, [request.entity_id])
        rows = await repository.neighbours(
            connection,
            ctx.principal.organization_id,
            found[request.entity_id]["id"],
            depth=request.depth,
            eyes=eyes_of(ctx.principal),
            limit=request.limit,
        )
    return tuple(from_row(Neighbour, row) for row in rows)


async def _on_living(
    ctx: Context,
    ids: Collection[UUID],
    mode: Lock,
    act: Callable[[Connection, Mapping[UUID, Any]], Awaitable[T]],
) -> T:
    """Do something to entities that cannot end meanwhile; whoever comes too late looks again."""
    organization = ctx.principal.organization_id
    for _ in range(_ATTEMPTS):
        async with ctx.database.transaction(ctx.principal) as connection:
            if mode == "UPDATE":
                await repository.alone_in_merging(connection)
            found = await _living(ctx, connection, ids)
            if await repository.lock(connection, organization, {row["id"] for row in found.values()}, mode):
                return await act(connection, found)
    raise _busy()


async def _living(
    ctx: Context, connection: Connection, ids: Collection[UUID], *, follow: bool = True
) -> dict[UUID, Any]:
    """Return the entity that each id stands for today.

    Raises:
        NotFound: there is none, it was deleted, or it is not this principal's to see; the three look the same.
    """
    organization = ctx.principal.organization_id
    current = {one: one for one in ids}
    rows = await repository.entities(connection, organization, set(current.values()))
    for _ in range(_CHAIN):
        moved = {
            one: rows[at]["merged_into"]
            for one, at in current.items()
            if follow and at in rows and rows[at]["merged_into"] is not None
        }
        if not moved:
            break
        current.update(moved)
        rows.update(await repository.entities(connection, organization, set(moved.values())))
    for one, at in current.items():
        row = rows.get(at)
        if row is None or row["deleted_at"] is not None or not _seen(ctx, row):
            raise missing("entity", one)
    return {one: rows[at] for one, at in current.items()}


def _seen(ctx: Context, row: Any) -> bool:
    eyes = eyes_of(ctx.principal)
    return eyes is None or row["user_id"] in (None, eyes)


def _entity(row: Any) -> Entity:
    return from_row(Entity, {name: row[name] for name in Entity.model_fields}, "metadata")


def _busy() -> Conflict:
    return Conflict("The entity was changed too often meanwhile.", code="conflict.retry", hint="Retry.")
