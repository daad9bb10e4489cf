"""get, list_items and history: reading what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from mnemon.context import Context
from mnemon.core.pages import Page
from mnemon.core.text import parse
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.params import Params
from mnemon.db.recallable import RecallTable
from mnemon.db.rows import from_row, missing
from mnemon.db.sql import statement
from mnemon.memory import wholes
from mnemon.memory.columns import MEMORIES, TABLES
from mnemon.memory.items import as_items, select_items
from mnemon.memory.schemas import Event, History, Item, ListItems, Scope
from mnemon.memory.scope import ResolvedScope, resolve
from mnemon.memory.visibility import visible
from mnemon.verbs import verb

_UNION = "\nUNION ALL\n"
_EITHER = "message or memory"
_ITEMS = Listing("memory.list_items", {"at": datetime, "id": UUID}, descending=True)


@verb("memories:read")
async def get(ctx: Context, item_id: UUID, *, as_of: datetime | None = None) -> Item:
    """Read a message or memory by its id, also if it was corrected; ``as_of``: if it was known at that moment.

    Raises:
        NotFound: there is none, it was forgotten, or it is not this principal's to see; the three look the same.
    """
    scope = ResolvedScope(parse(Scope, {"as_of": as_of}), ctx.principal)
    async with ctx.database.read_transaction(ctx.principal) as connection:
        params = Params(ctx.principal.organization_id)
        parameter = params.add(item_id, "uuid")
        parts = []
        for table in TABLES:
            if as_of is not None:
                rule = scope.predicate(table, params)
            else:
                rule = visible(ctx.principal, table.kind, params) + " AND t.deleted_at IS NULL"
            parts.append(select_items(table, f"t.id = {parameter} AND {rule}"))
        row = await connection.fetchrow(_UNION.join(parts), *params.values)
        if row is None:
            raise missing("memory", item_id, called=_EITHER)
        return (await as_items(ctx, connection, [row]))[0]


@verb("memories:read")
async def read(ctx: Context, item_id: UUID, *, as_of: datetime | None = None) -> str:
    """Read a whole text, letter by letter, whichever of its parts is named; ``as_of``: as :func:`get` does.

    Raises:
        NotFound: there is none, it was forgotten, or it is not this principal's to see; the three look the same.
    """
    item = await get(ctx, item_id, as_of=as_of)
    if item.whole_id is None:
        return item.content
    table = next(each for each in TABLES if each.kind == item.kind)
    async with ctx.database.read_transaction(ctx.principal) as connection:
        texts = await wholes.texts(connection, table, ctx.principal.organization_id, [item.whole_id])
    if item.whole_id not in texts:
        raise missing("memory", item_id, called=_EITHER)
    return texts[item.whole_id]


@verb("memories:read")
async def list_items(ctx: Context, request: ListItems) -> Page[Item]:
    """List messages and memories, newest first; the order is that of when they were said or true.

    A text in parts is listed once, by its first part; with ``part_of`` its parts are.

    Raises:
        Invalid: the cursor is not one that a page of this list gave.
    """
    moment, last = _ITEMS.after(ctx.principal, request)
    async with ctx.database.read_transaction(ctx.principal) as connection:
        scope = await resolve(ctx, connection, request.scope)
        if scope.nobody:
            return Page(items=())
        params = Params(ctx.principal.organization_id)
        after = ""
        if moment is not None:
            after = f" AND (t.occurred_at, t.id) < ({params.add(moment, 'timestamptz')}, {params.add(last, 'uuid')})"
        once = "" if request.scope.part_of is not None else " AND coalesce(t.part, 1) = 1"
        parts = [
            f"(SELECT * FROM\n"
            f"{select_items(table, scope.predicate(table, params, past=request.include_past) + once + after)} AS page\n"
            f"ORDER BY occurred_at DESC, id DESC LIMIT {request.limit + 1})"
            for table in scope.tables()
        ]
        if not parts:
            return Page(items=())
        pages = _UNION.join(parts)
        order = f"ORDER BY occurred_at DESC, id DESC LIMIT {request.limit + 1}"
        query = f"SELECT * FROM ({pages}) AS pages {order}"  # noqa: S608 - put together from statements of ours
        items = await as_items(ctx, connection, await connection.fetch(query, *params.values))
    return _ITEMS.page(ctx.principal, request, items, lambda item: item)


@verb("memories:read")
async def history(ctx: Context, memory_id: UUID) -> History:
    """Read a memory's whole story, whichever of its versions is named: every content it had and every change.

    Of a text in parts the versions have the whole text, and the changes are those of its first part.

    Raises:
        NotFound: there is no such memory, or it is not this principal's to see.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.read_transaction(ctx.principal) as connection:
        chain = [
            row["id"]
            for row in await connection.fetch(statement("mnemon.memory", "memory_chain"), organization, memory_id)
        ]
        if not chain:
            return await _message_history(ctx, connection, memory_id)
        params = Params(organization)
        parameter = params.add(chain, "uuid[]")
        rule = f"t.id = ANY({parameter}) AND {visible(ctx.principal, 'memory', params)}"
        rows = await connection.fetch(select_items(MEMORIES, rule), *params.values)
        if not rows:
            raise missing("memory", memory_id, called=_EITHER)
        seen = [row["id"] for row in rows]
        events = await connection.fetch(statement("mnemon.memory", "memory_events"), organization, seen)
        items = await _whole(connection, MEMORIES, organization, await as_items(ctx, connection, rows))
        versions = sorted(items, key=lambda one: chain.index(one.id))
    return History(
        versions=tuple(versions),
        events=tuple(from_row(Event, row) for row in events),
    )


async def _whole(connection: Connection, table: RecallTable, organization: UUID, items: Sequence[Item]) -> list[Item]:
    """Give items that are first parts their whole texts."""
    firsts = [item.id for item in items if item.whole_id == item.id]
    found = await wholes.texts(connection, table, organization, firsts) if firsts else {}
    return [item.model_copy(update={"content": found.get(item.id, item.content)}) for item in items]


async def _message_history(ctx: Context, connection: Connection, message_id: UUID) -> History:
    """Tell the story of what was said: it was said, recorded and perhaps forgotten, and never corrected."""
    params = Params(ctx.principal.organization_id)
    table = TABLES[0]
    parts = wholes.rows_of(table, f"ARRAY[{params.add(message_id, 'uuid')}]")
    rule = f"{parts} AND coalesce(t.part, 1) = 1 AND {visible(ctx.principal, 'message', params)}"
    row = await connection.fetchrow(select_items(table, rule), *params.values)
    if row is None:
        raise missing("memory", message_id, called=_EITHER)
    items = await as_items(ctx, connection, [row])
    (message,) = await _whole(connection, table, ctx.principal.organization_id, items)
    events: list[tuple[str, datetime, str | None, str]] = [("created", message.recorded_at, None, message.content)]
    if message.deleted_at is not None:
        events.append(("forgotten", message.deleted_at, message.content, message.content))
    return History(
        versions=(message,),
        events=tuple(
            Event(
                at=at,
                memory_id=message.id,
                action=action,
                changed_by="system",
                reason=None,
                old_content=old,
                new_content=new,
            )
            for action, at, old, new in events
        ),
    )
