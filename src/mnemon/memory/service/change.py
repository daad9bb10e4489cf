"""update and forget: nothing is overwritten, nothing is lost before it is erased."""

from __future__ import annotations

import asyncio
from typing import Any

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.ids import new_id
from mnemon.core.pieces import SPLIT_OVER, cut
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.rows import missing
from mnemon.db.types import encode_vectors
from mnemon.memory import repository
from mnemon.memory.columns import CONDITIONS, MEMORIES, TABLES
from mnemon.memory.items import as_items, select_items
from mnemon.memory.repository import Correction
from mnemon.memory.schemas import Forget, Forgotten, Item, Scope, Update
from mnemon.memory.scope import ResolvedScope, resolve
from mnemon.memory.service.preparing import embed, refuse_long
from mnemon.memory.visibility import visible
from mnemon.memory.wholes import rows_of
from mnemon.verbs import verb


@verb("memories:write")
async def update(ctx: Context, request: Update) -> Item:
    """Change a memory; new content makes a new memory that supersedes the old one, and is returned.

    A text in parts is changed as a whole, whichever part is named. What corrects it is kept in parts as well, if it is
    long; what corrects another memory is not.

    Raises:
        NotFound: there is no such memory, or it is not this principal's to see.
        Conflict: it was superseded already, or has another version than the one expected; ``data`` says which.
        Invalid: the id is a message's (what was said is not corrected), or nothing is to be changed.
    """
    fields = request.model_dump(exclude={"id", "reason", "expected_version", "at"}, exclude_none=True)
    if not fields:
        raise Invalid("Nothing is to be changed.", code="invalid.no_change", hint="Give content or another field.")
    pieces, vectors = await _pieces(ctx, request)
    async with ctx.database.transaction(ctx.principal) as connection:
        rows = await _lock(ctx, connection, request)
        if request.reason:
            await connection.execute("SELECT set_config('app.reason', $1, true)", request.reason)
        changed = rows[0]["id"]
        if request.content is not None and request.content != "".join(row["content"] for row in rows):
            changed = new_id()
            await repository.supersede(
                connection,
                ctx.principal.organization_id,
                request,
                [row["id"] for row in rows],
                Correction(changed, pieces, encode_vectors(vectors), request.at or ctx.clock.now()),
                model=ctx.embedder.name,
            )
        elif set(fields) - {"content"}:
            await repository.adjust(connection, ctx.principal.organization_id, [row["id"] for row in rows], request)
        row = await connection.fetchrow(select_items(MEMORIES, "t.id = $2"), ctx.principal.organization_id, changed)
        return (await as_items(ctx, connection, [row]))[0]


async def _pieces(ctx: Context, request: Update) -> tuple[list[str], Any]:
    """Return the pieces that the new content is kept in, and their vectors; a long one only where the old one is so."""
    if request.content is None:
        return [], None
    pieces = [request.content]
    if len(request.content) > SPLIT_OVER:
        async with ctx.database.read_transaction(ctx.principal) as connection:
            query = "SELECT whole_id FROM memories WHERE organization_id = $1 AND id = $2"
            is_part = await connection.fetchval(query, ctx.principal.organization_id, request.id) is not None
        if is_part:
            pieces = await asyncio.to_thread(cut, request.content)
        else:
            refuse_long([request], "Forget it, and remember the long text with split=True.")
    return pieces, await embed(ctx, pieces)


async def _lock(ctx: Context, connection: Connection, request: Update) -> list[Any]:
    """Return the row, or all parts of its text in order, alone until the transaction ends.

    Raises:
        The errors that a caller can act on otherwise.
    """
    params = Params(ctx.principal.organization_id, [request.id])
    rule = f"{rows_of(MEMORIES, '$2::uuid[]')} AND {visible(ctx.principal, 'memory', params)}"
    rows = await connection.fetch(
        "SELECT t.id, t.content, t.version, t.superseded_by, t.deleted_at FROM memories t "  # noqa: S608
        f"WHERE t.organization_id = $1 AND {rule} ORDER BY t.part FOR UPDATE",
        *params.values,
    )
    row = next((each for each in rows if each["id"] == request.id), None)
    if row is None or row["deleted_at"] is not None:
        params = Params(ctx.principal.organization_id, request.id)
        exists = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM messages t WHERE t.organization_id = $1 AND t.id = $2 "  # noqa: S608
            f"AND {visible(ctx.principal, 'message', params)})",
            *params.values,
        )
        if exists:
            raise Invalid(
                "What was said is not corrected.",
                code="invalid.message_is_final",
                hint="Remember the correction as a message or a memory of its own.",
                field="id",
            )
        raise missing("memory", request.id)
    if row["superseded_by"] is not None:
        raise Conflict(
            "The memory was superseded already.",
            code="conflict.superseded",
            hint="Update the one that superseded it.",
            superseded_by=str(row["superseded_by"]),
        )
    if request.expected_version is not None and row["version"] != request.expected_version:
        raise Conflict(
            "Another change came first.",
            code="conflict.version",
            hint="Read it again and retry.",
            expected_version=request.expected_version,
            current_version=row["version"],
        )
    return list(rows)


def _narrows(scope: Scope) -> bool:
    """Tell whether a scope says what is meant; when something was known or true is no such condition."""
    named = scope.user or scope.agent or scope.said_by or scope.conversation or scope.team
    return bool(named or scope.since or scope.until or any(one.narrows(scope) for one in CONDITIONS))


@verb("memories:write")
async def forget(ctx: Context, request: Forget) -> Forgotten:
    """Forget softly, by ids or by scope: reads no longer see it, reads as of an earlier moment still do.

    Of a text in parts any part stands for the whole, and it counts once.

    Raises:
        Invalid: neither ids nor a condition is given: everything is not forgotten by accident.
        NotFound: none of the ids is there.
    """
    if bool(request.ids) == (request.scope is not None):
        raise Invalid("Give either ids or a scope.", code="invalid.forget", field="ids")
    if request.scope is not None and not _narrows(request.scope):
        raise Invalid(
            "A scope without a condition would forget everything.",
            code="invalid.forget_everything",
            hint="Name a user, an agent, a conversation, a team, tags or a time.",
            field="scope",
        )
    counts = {"message": 0, "memory": 0}
    async with ctx.database.transaction(ctx.principal) as connection:
        if request.reason:
            await connection.execute("SELECT set_config('app.reason', $1, true)", request.reason)
        scope = ResolvedScope(Scope(), ctx.principal)
        if request.scope is not None:
            scope = await resolve(ctx, connection, request.scope)
            if scope.nobody:
                return Forgotten(messages=0, memories=0)
        for table in scope.tables() if request.scope is not None else TABLES:
            params = Params(ctx.principal.organization_id)
            rule = scope.predicate(table, params, past=True)
            if request.ids:
                rule = f"{rows_of(table, params.add(list(request.ids), 'uuid[]'))} AND {rule}"
            counts[table.kind] = await connection.fetchval(
                f"WITH gone AS (UPDATE {table.name} t SET deleted_at = now() "  # noqa: S608 - the table's name is ours
                f"WHERE t.organization_id = $1 AND t.deleted_at IS NULL AND {rule} RETURNING t.part) "
                "SELECT count(*) FROM gone WHERE coalesce(part, 1) = 1",
                *params.values,
            )
    forgotten = Forgotten(messages=counts["message"], memories=counts["memory"])
    if request.ids and not forgotten.count:
        raise NotFound("None of these is there to forget.", code="not_found.memory")
    return forgotten
