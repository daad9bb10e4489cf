"""Facts on two axes: what an assertion does to what was known, and the SQL of it.

A row is true from ``valid_from`` to just before ``valid_until`` and known from ``recorded_at`` to just before
``retracted_at``. Nothing is overwritten: where a new fact takes over, the old row is retracted and what is left of it
is recorded anew, so that every earlier answer can be given again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemon.core.ids import new_id
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.sql import statement

PACKAGE = "mnemon.memory"

Span = tuple[datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class FactChange:
    """What an assertion does.

    Attributes:
        span: when the new fact is true.
        known: the row that says so already, if there is one; then nothing else is done.
        ends: rows to retract.
        left: (row, span): what is left of a retracted row, to be recorded anew.
    """

    span: Span
    known: Any | None
    ends: tuple[Any, ...] = ()
    left: tuple[tuple[Any, Span], ...] = ()


def plan(rows: Sequence[Any], value: str, begins: datetime, ends: datetime | None) -> FactChange:
    """Plan what asserting an object does to the rows that are known now and cannot be true beside it.

    Args:
        rows: known rows of the same subject and predicate (for a predicate of several values: of the same object).
        value: the object.
        begins: when the new fact became true.
        ends: when it ended; None: it lasts until the next of the rows begins.
    """
    if ends is None:
        ends = min((row["valid_from"] for row in rows if row["valid_from"] > begins), default=None)
    span = (begins, ends)
    for row in rows:
        if row["object"] == value and row["valid_from"] <= begins and _no_later(ends, row["valid_until"]):
            return FactChange(span, row)
    struck = [row for row in rows if _meet((row["valid_from"], row["valid_until"]), span)]
    left = [(row, part) for row in struck for part in rest((row["valid_from"], row["valid_until"]), span)]
    return FactChange(span, None, tuple(struck), tuple(left))


def rest(old: Span, new: Span) -> Iterable[Span]:
    """Return what is left of a span when another takes over: before it, after it, both or nothing."""
    if old[0] < new[0]:
        yield old[0], new[0]
    if new[1] is not None and (old[1] is None or new[1] < old[1]):
        yield new[1], old[1]


def _no_later(one: datetime | None, other: datetime | None) -> bool:
    return other is None or (one is not None and one <= other)


def _meet(one: Span, other: Span) -> bool:
    return (one[1] is None or other[0] < one[1]) and (other[1] is None or one[0] < other[1])


async def lock(connection: Connection, team_id: UUID | None, subject: str, predicate: str) -> None:
    """Wait until nobody else in the organisation changes facts of this subject and predicate, until the end."""
    await connection.fetchval("SELECT lock_tenant($1)", "\x1f".join(("facts", str(team_id), subject, predicate)))


async def known(connection: Connection, params: Params, seen: str) -> list[Any]:
    """Return rows known now, in the order they became true: (organisation, subject, predicate, team or None)."""
    return await connection.fetch(statement(PACKAGE, "facts_known", seen=seen), *params.values)


async def next_moment(connection: Connection, organization_id: UUID, subject: str, predicate: str) -> datetime:
    """Return a moment of knowing that is later than every one before it of this subject and predicate."""
    found: datetime = await connection.fetchval(statement(PACKAGE, "facts_moment"), organization_id, subject, predicate)
    return found


async def retract(connection: Connection, organization_id: UUID, ids: Sequence[UUID], at: datetime) -> None:
    """Note that rows are known no longer."""
    await connection.execute(
        "UPDATE memory_facts SET retracted_at = $3 WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        organization_id,
        list(ids),
        at,
    )


_COPIED = (
    "team_id",
    "user_id",
    "agent_id",
    "source_message_id",
    "source_memory_id",
    "subject",
    "predicate",
    "object",
    "confidence",
)


async def add(
    connection: Connection, organization_id: UUID, rows: Sequence[tuple[Any, Span]], at: datetime
) -> list[Any]:
    """Record rows: each a mapping with what a fact says, and when it is true; as they stand in the table then."""
    ids = [new_id() for _ in rows]
    columns = [[row[name] for row, _ in rows] for name in _COPIED]
    added = await connection.fetch(
        statement(PACKAGE, "facts_add"),
        organization_id,
        ids,
        *columns,
        [span[0] for _, span in rows],
        [span[1] for _, span in rows],
        at,
    )
    by_id = {row["id"]: row for row in added}
    return [by_id[row_id] for row_id in ids]


async def read(connection: Connection, params: Params, which: str, *, order: str) -> list[Any]:
    """Return facts (alias ``t``) that a predicate of ours holds for."""
    return await connection.fetch(statement(PACKAGE, "facts_read", which=which, order=order), *params.values)
