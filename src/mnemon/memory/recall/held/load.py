"""Reads a scope into the process, and what has changed of it since."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from uuid import UUID

import numpy as np

from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.recallable import SESSION_BITS
from mnemon.db.sql import statement
from mnemon.memory.columns import SCORED, TABLES, held_parts
from mnemon.memory.recall.candidates import PACKAGE, Int64, plan_anew
from mnemon.memory.recall.held.batch import Batch, Sessions, unpack, unpack_sessions
from mnemon.memory.recall.held.scope import HeldScope
from mnemon.memory.scope import ResolvedScope

#: Changed rows from which a scope is read anew and not row by row.
MOST_CHANGED = 2000
_NOBODY = UUID(int=0)
#: What a statement sees. In recovery the server does not say which transactions were under way: then all from the
#: oldest of them on count as unseen.
SNAPSHOT = (
    "CASE WHEN pg_is_in_recovery() THEN concat(pg_snapshot_xmin(pg_current_snapshot()), ':', "
    "pg_snapshot_xmin(pg_current_snapshot()), ':') ELSE pg_current_snapshot()::text END"
)


async def hold(connection: Connection, scope: ResolvedScope, *, dimensions: int, mark: str | None) -> HeldScope:
    """Read a scope whole.

    Args:
        connection: in a transaction of the scope's principal.
        scope: what is held; small enough, which its caller has asked.
        dimensions: numbers in a vector.
        mark: what the principal's view depends on besides the rows.
    """
    batches, version = await read(connection, scope, dimensions, None)
    held = HeldScope(dimensions, version, mark)
    ordinals = np.concatenate([batch.columns["ordinal"] for batch in batches])
    held.apply(batches, np.empty(0, dtype=np.int64), await sessions(connection, scope, ordinals))
    return held


async def bring_up(connection: Connection, scope: ResolvedScope, held: HeldScope, *, dimensions: int) -> bool:
    """Read what a held scope has not seen; False if that is so much that it is better read anew."""
    organization = scope.principal.organization_id
    parts = [
        statement(PACKAGE, "held_changed", table=t.name, limit=str(MOST_CHANGED + 1), snapshot=SNAPSHOT) for t in TABLES
    ]
    rows = await connection.fetch("\nUNION ALL\n".join(parts), organization, held.version)
    if sum(row["rows"] for row in rows) > MOST_CHANGED:
        return False
    changed = np.concatenate([np.frombuffer(row["ordinal"] or b"", dtype=">i8") for row in rows]).astype(np.int64)
    # What is read after that may be newer than the version, and is then read once more; it is never older.
    if len(changed):
        batches, _ = await read(connection, scope, dimensions, {table.kind: changed for table in TABLES})
        held.apply(batches, changed, await sessions(connection, scope, changed))
    held.version = rows[0]["snapshot"]
    return True


async def within(connection: Connection, scope: ResolvedScope) -> Int64:
    """Return the ordinals of the rows of a scope."""
    await plan_anew(connection)
    params = Params(scope.principal.organization_id)
    parts = [
        statement(PACKAGE, "held_within", table=table.name, scope=scope.predicate(table, params, whole=True))
        for table in scope.tables()
    ]
    rows = await connection.fetch("\nUNION ALL\n".join(parts), *params.values) if parts else []
    packed = b"".join(row["ordinal"] or b"" for row in rows)
    return np.frombuffer(packed, dtype=">i8").astype(np.int64)


async def texts(connection: Connection, scope: ResolvedScope, ordinals: Int64) -> dict[int, str]:
    """Return what rows of a scope say, by ordinal."""
    params = Params(scope.principal.organization_id)
    wanted = params.add(ordinals.tolist(), "bigint[]")
    parts = [
        statement(PACKAGE, "held_texts", table=table.name, ordinals=wanted, scope=scope.predicate(table, params))
        for table in scope.tables()
    ]
    rows = await connection.fetch("\nUNION ALL\n".join(parts), *params.values)
    return {row["ordinal"]: row["content"] for row in rows}


async def read(
    connection: Connection, scope: ResolvedScope, dimensions: int, ordinals: Mapping[str, Int64] | None
) -> tuple[list[Batch], str]:
    """Return (rows of a scope: those with some ordinals, by the kind of their table, or all; the snapshot)."""
    params = Params(scope.principal.organization_id)
    shared = {
        "nothing": params.add(struct.pack(">HH", dimensions, 0) + bytes(2 * dimensions), "bytea"),
        "nobody": params.add(_NOBODY, "uuid"),
        "snapshot": SNAPSHOT,
        "arrays": ", ".join(f"array_agg(r.{name}) AS {name}" for name in SCORED),
    }
    parts = []
    for table in scope.tables():
        some = ""
        if ordinals is not None:
            if not len(ordinals[table.kind]):
                continue
            some = f"t.ordinal = ANY({params.add(ordinals[table.kind].tolist(), 'bigint[]')}) AND "
        predicate = scope.predicate(table, params, whole=ordinals is None)
        parts.append(statement(PACKAGE, "held_rows", scope=some + predicate, **shared, **held_parts(table)))
    if not parts:
        return [], ""
    rows = await connection.fetch("\nUNION ALL\n".join(parts), *params.values)
    return [unpack(row, dimensions) for row in rows], rows[0]["snapshot"]


async def sessions(connection: Connection, scope: ResolvedScope, ordinals: Int64) -> Sessions:
    """Return the sessions of rows."""
    numbers = np.unique(ordinals >> SESSION_BITS)
    row = await connection.fetchrow(
        statement(PACKAGE, "held_sessions"), scope.principal.organization_id, numbers.tolist()
    )
    return unpack_sessions(row)
