"""Which organisations have their rows coded, read behind the searches, and that what is coded is never behind."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from functools import partial

from mnemon.context import Context
from mnemon.db.connection import Connection
from mnemon.db.recallable import RecallTable
from mnemon.memory.columns import TABLES
from mnemon.memory.recall.candidates import Asked, Int64
from mnemon.memory.recall.coded import load
from mnemon.memory.recall.coded.load import Read
from mnemon.memory.recall.coded.part import Coding, Part
from mnemon.memory.recall.coded.rows import MOST_ROWS, Coded, CodedRows
from mnemon.memory.recall.coded.words import Keys, keys_of
from mnemon.memory.recall.held import holding
from mnemon.memory.recall.held.load import within
from mnemon.memory.scope import ResolvedScope

#: Rows that are read at a time, behind the searches.
CHUNK = 4000
#: Bytes of a row at least: what has more rows than have room is not begun with.
_LEAST_BYTES = 100
#: Seconds after which it is tried again whether an organisation has room by now.
_TOO_LARGE = 1800.0
#: How often a part is brought up to date while others bring up the rows.
_ROUNDS = 3
#: Rows up to which nothing is done in a thread.
_AT_ONCE = 100


def find(ctx: Context, base: ResolvedScope) -> Part | None:
    """Return the part of the coded rows that is of a scope, as it was last seen."""
    coding: Coding | None = ctx.copies.get(_key(base, ctx.cache.get(holding.SERVER)))
    return None if coding is None else coding.parts.get(holding.key_of(base, None))


async def settle(
    ctx: Context, connection: Connection, base: ResolvedScope, asked: Asked, asked_about: Part | None
) -> Part | None:
    """Return which of the coded rows are of a scope, as the database has them now; None while there are none.

    Args:
        ctx: the context; it has the copies.
        connection: in a transaction of the scope's principal.
        base: the scope, see :func:`mnemon.memory.recall.held.holding.base_of`.
        asked: the question's words, and the state of the database.
        asked_about: the part that the state speaks of: the one that :func:`find` returned before.
    """
    if not ctx.copies.size or not ctx.settings.recall_copy_rows or holding.is_past(base):
        return None
    key, part_key, state = _key(base, asked.state.server), holding.key_of(base, None), asked.state
    coding = _coding(ctx, key, state.erased)
    if coding is None:
        return None
    part = coding.parts.get(part_key)
    if part is not None and (part.mark != state.mark or (state.moved and not base.principal.is_organization)):
        part = None
    is_fresh = part is not None and part is asked_about and not state.changed
    for _ in range(_ROUNDS):
        if is_fresh and part is not None and not part.is_behind:
            break
        is_fresh = True
        part = await _bring_up(connection, base, coding.rows, part, state.mark, dimensions=ctx.embedder.dimensions)
        if part is None:  # so much has changed that it is read behind the searches
            ctx.background.start(key, partial(_catch_up, ctx, coding, key))
            return None
    if part is None:
        return None
    coding.keep(part_key, part, ctx.copies.size)
    ctx.copies.put(key, coding)
    if coding.rows.is_loose:
        ctx.background.start((*key, "order"), partial(_put_in_order, coding.rows))
    return part


def _coding(ctx: Context, key: tuple[Hashable, ...], erased: str) -> Coding | None:
    """Return what is held of an organisation; what is not, or not well any more, is read behind the searches."""
    coding: Coding | None = ctx.copies.get(key)
    if coding is not None and coding.rows.erased != erased:  # what was erased is not held any longer
        ctx.copies.drop(key)
        coding = None
    if coding is None or coding.rows.is_worn:
        ctx.background.start(key, partial(_fill, ctx, key))
    return coding


async def _bring_up(
    connection: Connection, base: ResolvedScope, rows: CodedRows, part: Part | None, mark: str, *, dimensions: int
) -> Part | None:
    """Return a scope's part of the rows as they are now, both brought up to date; None if that is too much."""
    whole = load.whole(base.principal)
    news = await _bring_up_rows(connection, whole, rows, dimensions)
    if news is None:
        return None
    before, changed, version = news
    came = rows.came
    since: Int64 | None = None
    if part is not None:
        of_part: tuple[Int64, str] | None = (changed, version)
        if part.own_version != before:
            of_part = await load.changed(connection, whole, part.own_version)
        since = None if of_part is None else part.unseen(of_part[0], came)
    if part is None or since is None:
        part = Part(rows, version, mark)
        if not base.selective and len(base.tables()) == len(TABLES):
            part.take_all()
        else:
            ordinals = await within(connection, base)
            await asyncio.to_thread(part.take, ordinals, came)  # nobody else has it yet
    else:
        part.bring_up(since, await load.inside(connection, base, since), came)
        part.own_version = version
    return part


async def _bring_up_rows(
    connection: Connection, whole: ResolvedScope, rows: CodedRows, dimensions: int
) -> tuple[str, Int64, str] | None:
    """Return (the snapshot that rows were known in; ordinals of those that it did not see; the snapshot now)."""
    for attempt in range(_ROUNDS):
        before = rows.version
        news = await load.changed(connection, whole, before)
        if news is None:
            return None
        changed, version = news
        batches = await _coded(connection, whole, changed, dimensions)
        if rows.version == before or attempt == _ROUNDS - 1:  # else another search has brought them further
            rows.apply(batches, changed)
            rows.version = version
            break
    return before, changed, version


async def _coded(connection: Connection, whole: ResolvedScope, ordinals: Int64, dimensions: int) -> list[Coded]:
    """Return rows as they are now; many are coded in a thread."""
    if not len(ordinals):
        return []
    read = await load.read_some(connection, whole, ordinals, dimensions=dimensions)
    return _all_coded(read) if len(ordinals) < _AT_ONCE else await asyncio.to_thread(_all_coded, read)


def _all_coded(read: list[Read]) -> list[Coded]:
    return [one.coded() for one in read]


async def _fill(ctx: Context, key: tuple[Hashable, ...]) -> None:
    """Read and code an organisation's rows, and hold them then."""
    whole = load.whole(ctx.principal)
    async with ctx.database.read_transaction(whole.principal) as connection:
        begun = await load.begin(connection, whole)
    if begun.rows * _LEAST_BYTES > ctx.copies.size:
        ctx.background.pause(key, _TOO_LARGE)
        return
    rows = CodedRows(begun.version, begun.erased)
    rows.reserve(begun.rows)
    for table in TABLES:
        read = await _next(ctx, whole, table, -1)
        while len(read) and read.row["server"] == begun.server:
            (batch, keys), read = await asyncio.gather(
                asyncio.to_thread(_code, read, rows.came), _next(ctx, whole, table, read.last)
            )
            rows.append(batch, keys)
            if rows.bytes > ctx.copies.size or rows.came + CHUNK > MOST_ROWS:
                ctx.background.pause(key, _TOO_LARGE)
                return
        if read.row["server"] != begun.server:
            return
    await _put_in_order(rows)
    await _catch_up(ctx, Coding(rows), (*key[:2], begun.server))


async def _next(ctx: Context, whole: ResolvedScope, table: RecallTable, after: int) -> Read:
    async with ctx.database.read_transaction(whole.principal) as connection:
        return await load.read_after(connection, whole, table, after, limit=CHUNK, dimensions=ctx.embedder.dimensions)


def _code(read: Read, first: int) -> tuple[Coded, Keys]:
    batch = read.coded()
    return batch, keys_of(batch.words, batch.counts, first)


async def _catch_up(ctx: Context, coding: Coding, key: Hashable) -> None:
    """Read what has changed since rows were read, however much it is."""
    whole, rows = load.whole(ctx.principal), coding.rows
    async with ctx.database.read_transaction(whole.principal) as connection:
        begun = await load.begin(connection, whole)
        news = await load.changed(connection, whole, rows.version, most=None)
    if news is None or begun.erased != rows.erased:
        return
    ordinals, version = news
    for begin in range(0, len(ordinals), CHUNK):
        async with ctx.database.read_transaction(whole.principal) as connection:
            chunk = ordinals[begin : begin + CHUNK]
            rows.apply(await _coded(connection, whole, chunk, ctx.embedder.dimensions), chunk)
        if rows.bytes > ctx.copies.size or rows.came + CHUNK > MOST_ROWS:
            ctx.copies.drop(key)
            ctx.background.pause(key, _TOO_LARGE)
            return
    rows.version = version
    if len(ordinals) > CHUNK:
        await _put_in_order(rows)
    ctx.copies.put(key, coding)


async def _put_in_order(rows: CodedRows) -> None:
    rows.put_in_order(await asyncio.to_thread(rows.ordering()))


def _key(base: ResolvedScope, server: str | None) -> tuple[Hashable, ...]:
    """Return what the copy of an organisation is held under."""
    return ("coded", base.principal.organization_id, server)
