"""remember: messages and memories, one or thousands, embedded outside the transaction and written in one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from itertools import islice
from uuid import UUID

from mnemon.agents import service as agents
from mnemon.ai.embedders import answers_at_once
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.parts import firsts
from mnemon.conversations.schemas import NewMessage
from mnemon.conversations.service import Names
from mnemon.core.errors import Conflict, NotFound, Unavailable
from mnemon.core.groups import Undecided, Work
from mnemon.db.connection import Connection
from mnemon.identity import service as identity
from mnemon.memory import repetition
from mnemon.memory.schemas import NewMemory, Remember, Remembered
from mnemon.memory.service.preparing import Item, Prepared, prepare
from mnemon.memory.service.rows import Rows, require_own
from mnemon.verbs import verb

_MOMENTARY = {"conflict.retry", "conflict.exists", "not_found.reference"}

#: Items of one call that may be written together with those of others.
_FEW = 4


@verb("memories:write")
async def remember(ctx: Context, request: Remember) -> Remembered:
    """Remember messages and memories: all of them, or none.

    Idempotent where items have a source id: the same source and id is stored once, and its id is returned again. A
    memory that is there word for word, of the same owner and type, is confirmed and its id returned. A text of more
    characters than ``split_over`` is kept in parts, under the id of the first.

    Raises:
        Invalid: an item breaks a rule (named before anything is sent), such as a long text that is not to be split.
        NotFound: a team that is named does not exist, or a conversation is not this principal's to see.
        Forbidden: a team is not the principal's, or a memory would be kept for somebody else alone.
        Unavailable: the embedder or the database cannot be reached; nothing was kept.
    """
    kind = _kind(request)
    if kind is None:
        return await write(ctx, await prepare(ctx, request))
    # Only for one and the same principal: it is proven to the database who a transaction is for.
    own = (ctx.database, ctx.embedder, ctx.clock, ctx.settings)
    key = ("remember", kind, request.dedupe, ctx.principal, *map(id, own))
    if answers_at_once(ctx.embedder):  # faster for all of a group than for each of it
        return await ctx.groups.run(
            key, Work(request, partial(_alone, ctx, request), partial(_together, ctx), _apart(request))
        )
    prepared = await prepare(ctx, request)
    return await ctx.groups.run(
        key, Work(prepared, partial(write, ctx, prepared), partial(_prepared_together, ctx), _apart(request))
    )


async def write(ctx: Context, prepared: Prepared) -> Remembered:
    """Write what was prepared, in one transaction.

    Raises:
        As :func:`remember`.
    """
    for attempt in (1, 2):
        try:
            return _remembered(await _write(ctx, prepared, again=attempt > 1))
        except (Conflict, NotFound) as error:
            # Somebody made or removed the same names, or brought the same source, at the same moment, or a name was
            # believed from the cache that is gone: a second look settles it.
            if attempt == 2 or error.code not in _MOMENTARY:
                raise
            ctx.cache.clear()
    raise AssertionError("unreachable")


def _kind(request: Remember) -> str | None:
    """Return what kind of few items these are, which may be written together with others; None: by themselves."""
    items, over = request.items, request.split_over
    if len(items) > _FEW or request.checkpoint is not None:
        return None
    if over is not None and any(len(item.content) > over for item in items):
        return None
    kinds = {"message" if isinstance(item, NewMessage) else "memory" for item in items}
    return kinds.pop() if len(kinds) == 1 else None


def _apart(request: Remember) -> frozenset[Hashable]:
    """Return the texts of memories, of which a second confirms the first once that is there."""
    if not request.dedupe:
        return frozenset()
    return frozenset(repetition.form(item.content) for item in request.items if isinstance(item, NewMemory))


async def _alone(ctx: Context, request: Remember) -> Remembered:
    return await write(ctx, await prepare(ctx, request))


async def _together(ctx: Context, many: Sequence[Remember]) -> list[Remembered]:
    """Write what several callers remember in one transaction, in the order that they came.

    Raises:
        Undecided: it may have been committed.
    """
    items = tuple(item for request in many for item in request.items)
    request = Remember.model_construct(items=items, checkpoint=None, dedupe=many[0].dedupe, split_over=None)
    return await _each(ctx, await prepare(ctx, request), [len(request.items) for request in many])


async def _prepared_together(ctx: Context, many: Sequence[Prepared]) -> list[Remembered]:
    """Write the same where each is prepared by itself: an embedder that is asked for it keeps nobody else waiting."""
    items = [item for prepared in many for item in prepared.items]
    request = Remember.model_construct(items=tuple(items), dedupe=many[0].request.dedupe)
    vectors = [vector for prepared in many for vector in prepared.vectors]
    codes = [code for prepared in many for code in prepared.languages]
    whole = Prepared(request, items, [None] * len(items), vectors, codes)
    return await _each(ctx, whole, [len(prepared.items) for prepared in many])


async def _each(ctx: Context, prepared: Prepared, sizes: Sequence[int]) -> list[Remembered]:
    """Write items together, and answer for so many of them to each caller."""
    written = iter(await _write(ctx, prepared, hurried=True))
    return [_remembered(list(islice(written, size))) for size in sizes]


def _remembered(written: Sequence[conversations.WrittenMessage]) -> Remembered:
    ids = tuple(one.id for one in written)
    return Remembered.model_construct(ids=ids, created=sum(one.created for one in written))


async def _write(
    ctx: Context, prepared: Prepared, *, again: bool = False, hurried: bool = False
) -> list[conversations.WrittenMessage]:
    # An import whose place is kept with its rows would do a lost step again; its last step waits for the disk.
    checkpoint, written = prepared.request.checkpoint, False
    lazy = checkpoint is not None and checkpoint.finished_at is None
    try:
        async with ctx.database.transaction(ctx.principal, bulk=True, lazy=lazy, hurried=hurried) as connection:
            results = await _write_in(ctx, connection, prepared, thorough=again or hurried)
            written = True
    except Unavailable as error:
        if written and hurried:
            raise Undecided(error) from error
        raise
    return results


async def _write_in(
    ctx: Context, connection: Connection, prepared: Prepared, *, thorough: bool
) -> list[conversations.WrittenMessage]:
    request, items = prepared.request, prepared.items
    memories = [n for n, item in enumerate(items) if isinstance(item, NewMemory)]
    now = ctx.clock.now()
    written: dict[int, conversations.WrittenMessage] = {}
    names = await resolve_names(ctx, connection, request.items)
    if len(memories) < len(items):
        messages = await conversations.write_messages(
            ctx, connection, prepared.drafted(), names=names, now=now, thorough=thorough
        )
        places = [n for n, item in enumerate(items) if isinstance(item, NewMessage)]
        written |= zip(places, messages, strict=True)
    if memories:
        rows = Rows(prepared, memories, names, now)
        for item in rows.items:
            require_own(ctx.principal, item, names)
        await rows.write(ctx, connection, dedupe=request.dedupe)
        written |= zip(memories, rows.written(), strict=True)
    if request.checkpoint is not None:
        await conversations.save_checkpoint(connection, ctx.principal.organization_id, request.checkpoint)
    return [written[n] for n in firsts(prepared.parts)]


async def resolve_names(ctx: Context, connection: Connection, items: Sequence[Item]) -> Names:
    """Return ids of everybody that the items name; people and agents are made on first use, teams are not."""
    organization = ctx.principal.organization_id
    users: set[str | None] = set()
    members: set[str | None] = set()
    groups: set[str | None] = set()
    for item in items:
        users.add(item.user)
        members.add(item.agent)
        groups.add(item.team)
        if isinstance(item, NewMessage):
            users.add(conversations.sender_of(item))
    ids: dict[str, dict[str, UUID]] = {}
    for kind, names, ensure in (("user", users, identity.ensure_users), ("agent", members, agents.ensure_agents)):
        asked = {name for name in names if name}
        cached = {
            name: cached_id for name in asked if (cached_id := ctx.cache.get((organization, kind, name))) is not None
        }
        added = await ensure(connection, organization, asked - cached.keys())
        ctx.learn(connection, {(organization, kind, name): cached_id for name, cached_id in added.items()})
        ids[kind] = cached | added
    teams = {slug: await identity.find_team(connection, organization, slug) for slug in sorted(filter(None, groups))}
    await agents.require_team(connection, ctx.principal, teams.values())
    return Names(users=ids["user"], agents=ids["agent"], teams=teams)
