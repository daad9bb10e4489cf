"""get, list_items and history: reading what is remembered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mnemon.context import Context
from mnemon.core.pages import Page
from mnemon.core.text import parse
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.params import Params
from mnemon.db.rows import from_row, missing
from mnemon.db.sql import statement
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
async def list_items(ctx: Context, request: ListItems) -> Page[Item]:
    """List messages and memories, newest first; the order is that of when they were said or true.

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
        parts = [
            f"(SELECT * FROM\n"
            f"{select_items(table, scope.predicate(table, params, past=request.include_past) + after)} AS page\n"
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
        rule = visible(ctx.principal, "memory", params)
        rows = await connection.fetch(select_items(MEMORIES, f"t.id = ANY({parameter}) AND {rule}"), *params.values)
        if not rows:
            raise missing("memory", memory_id, called=_EITHER)
        seen = [row["id"] for row in rows]
        events = await connection.fetch(statement("mnemon.memory", "memory_events"), organization, seen)
        versions = sorted(await as_items(ctx, connection, rows), key=lambda one: chain.index(one.id))
    return History(
        versions=tuple(versions),
        events=tuple(from_row(Event, row) for row in events),
    )


async def _message_history(ctx: Context, connection: Connection, message_id: UUID) -> History:
    """Tell the story of what was said: it was said, recorded and perhaps forgotten, and never corrected."""
    params = Params(ctx.principal.organization_id)
    table = TABLES[0]
    rule = f"t.id = {params.add(message_id, 'uuid')} AND {visible(ctx.principal, 'message', params)}"
    row = await connection.fetchrow(select_items(table, rule), *params.values)
    if row is None:
        raise missing("memory", message_id, called=_EITHER)
    message = (await as_items(ctx, connection, [row]))[0]
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
