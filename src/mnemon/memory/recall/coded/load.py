"""Reads an organisation's rows to be coded, and which of them are of a scope."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.recallable import RecallTable
from mnemon.db.sql import statement
from mnemon.memory.columns import TABLES
from mnemon.memory.recall.candidates import PACKAGE, Int64
from mnemon.memory.recall.coded.rows import Coded
from mnemon.memory.recall.held.load import SNAPSHOT
from mnemon.memory.schemas import Scope
from mnemon.memory.scope import ResolvedScope

#: Changed rows that a search waits for; more of them are read behind it.
MOST_CHANGED = 2000
_WORD = "\x1f"


@dataclass(frozen=True, slots=True)
class Begun:
    """What a copy begins with.

    Attributes:
        version: the snapshot.
        server: when it was started.
        erased: how often something had been erased.
        rows: about how many there are; 0 if nobody knows.
    """

    version: str
    server: str
    erased: str
    rows: int


@dataclass(frozen=True, slots=True)
class Read:
    """Rows of one table as they were read, not coded yet.

    Attributes:
        row: what ``coded_rows`` answered.
        dimensions: numbers in a vector.
    """

    row: Any
    dimensions: int

    def __len__(self) -> int:
        return int(self.row["rows"])

    @property
    def last(self) -> int:
        """The greatest ordinal."""
        return int(struct.unpack(">q", self.row["ordinal"][-8:])[0])

    def coded(self) -> Coded:
        """Code them; a thread may do it."""
        row, width = self.row, self.dimensions + 2
        halves = np.frombuffer(row["embedding"] or b"", dtype=">f2").reshape(-1, width)[:, 2:]
        lexemes = row["lexemes"]
        return Coded.of(
            _integers(row["ordinal"], ">i8"),
            _integers(row["minutes"], ">i4").astype(np.int32),
            talk=row["kind"] == "message",
            vectors=halves.astype(np.float32),
            words=lexemes.split(_WORD) if lexemes else [],
            counts=_integers(row["terms"], ">i4"),
        )


def whole(principal: Principal) -> ResolvedScope:
    """Return all that an organisation has, as it sees it itself."""
    return ResolvedScope(Scope(), Principal(principal.organization_id))


async def begin(connection: Connection, scope: ResolvedScope) -> Begun:
    """Return what a copy begins with."""
    row = await connection.fetchrow(
        statement(PACKAGE, "coded_version", snapshot=SNAPSHOT), scope.principal.organization_id
    )
    return Begun(row["snapshot"], row["server"], row["erased"], int(row["rows"]))


async def read_after(
    connection: Connection, scope: ResolvedScope, table: RecallTable, after: int, *, limit: int, dimensions: int
) -> Read:
    """Read the next rows of a table, by their ordinals."""
    params = Params(scope.principal.organization_id)
    part = _rows(scope, table, params, f"t.ordinal > {params.add(after, 'bigint')}", limit, dimensions)
    return Read(await connection.fetchrow(part, *params.values), dimensions)


async def read_some(connection: Connection, scope: ResolvedScope, ordinals: Int64, *, dimensions: int) -> list[Read]:
    """Read rows by their ordinals, one answer a table."""
    params = Params(scope.principal.organization_id)
    which = f"t.ordinal = ANY({params.add(ordinals.tolist(), 'bigint[]')})"
    parts = [_rows(scope, table, params, which, len(ordinals), dimensions) for table in TABLES]
    return [Read(row, dimensions) for row in await connection.fetch("\nUNION ALL\n".join(parts), *params.values)]


async def changed(
    connection: Connection, scope: ResolvedScope, version: str, *, most: int | None = MOST_CHANGED
) -> tuple[Int64, str] | None:
    """Return (ordinals of the organisation's rows that a snapshot did not see; the snapshot now); None: too many."""
    limit = "NULL" if most is None else str(most + 1)
    parts = [statement(PACKAGE, "held_changed", table=table.name, limit=limit, snapshot=SNAPSHOT) for table in TABLES]
    rows = await connection.fetch("\nUNION ALL\n".join(parts), scope.principal.organization_id, version)
    if most is not None and sum(row["rows"] for row in rows) > most:
        return None
    return np.concatenate([_integers(row["ordinal"], ">i8") for row in rows]), rows[0]["snapshot"]


async def inside(connection: Connection, scope: ResolvedScope, ordinals: Int64) -> Int64:
    """Return those of some ordinals that are of a scope."""
    if not len(ordinals):
        return ordinals
    params = Params(scope.principal.organization_id)
    some = f"t.ordinal = ANY({params.add(ordinals.tolist(), 'bigint[]')}) AND "
    parts = [
        statement(PACKAGE, "held_within", table=table.name, scope=some + scope.predicate(table, params))
        for table in scope.tables()
    ]
    rows = await connection.fetch("\nUNION ALL\n".join(parts), *params.values) if parts else []
    return _integers(b"".join(row["ordinal"] or b"" for row in rows), ">i8")


def _rows(scope: ResolvedScope, table: RecallTable, params: Params, which: str, limit: int, dimensions: int) -> str:
    return statement(
        PACKAGE,
        "coded_rows",
        table=table.name,
        kind=table.kind,
        which=which,
        scope=scope.predicate(table, params),
        limit=str(limit),
        nothing=params.add(struct.pack(">HH", dimensions, 0) + bytes(2 * dimensions), "bytea"),
        snapshot=SNAPSHOT,
    )


def _integers(packed: bytes | None, kind: str) -> Int64:
    return np.frombuffer(packed or b"", dtype=kind).astype(np.int64)
