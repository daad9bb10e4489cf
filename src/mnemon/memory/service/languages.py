"""The languages of rows from before rows had one: found out batch by batch, off everybody's path."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mnemon.ai.languages import detect
from mnemon.context import Context
from mnemon.db.connection import Connection
from mnemon.db.sql import statement

PACKAGE = "mnemon.memory"
#: Rows of one transaction: a fraction of a second, in which nobody else changes these rows.
BATCH = 500
#: Characters of a text that its language is looked for in.
_SHOWS = 1000


@dataclass(frozen=True, slots=True)
class _Table:
    """A table that is looked through.

    Attributes:
        name: the table.
        key: what its rows are gone through by, and its type; its index begins with the organisation.
        text: what a row is written in.
        talk: what a row that does not show its language has it from.
        indexed: whether a row's words were counted for recall.
    """

    name: str
    key: tuple[str, str]
    text: str
    talk: str
    indexed: str = "false"

    def parts(self) -> dict[str, str]:
        """Return what the statements are filled with."""
        return {
            "table": self.name,
            "key": self.key[0],
            "type": self.key[1],
            "text": self.text,
            "talk": self.talk,
            "indexed": self.indexed,
        }


#: In the order they are looked through, which ``recall_statistics.language_step`` counts.
TABLES = (
    _Table("messages", ("ordinal", "bigint"), "t.content", "t.ordinal >> 16", "t.is_indexed"),
    _Table("memories", ("ordinal", "bigint"), "t.content", "t.whole_id", "t.is_indexed"),
    _Table("gmail_messages", ("id", "uuid"), "concat_ws(' ', t.subject, t.body_text)", "t.thread_id"),
    _Table(
        "knowledge_items",
        ("id", "uuid"),
        "concat_ws(' ', t.content ->> 'title', t.content ->> 'description')",
        "NULL::uuid",
    ),
)


async def find_languages(ctx: Context, *, max_rows: int | None) -> tuple[int, bool]:
    """Look for the languages of rows from before; how many rows were looked at, and whether there are more.

    Each batch is a transaction with its place: killed in the middle, it is as if it had not begun. Several callers take
    turns.
    """
    looked_at = 0
    while True:
        async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
            step, _ = await _place(ctx, connection)
        if step >= len(TABLES) or (max_rows is not None and looked_at >= max_rows):
            return looked_at, step < len(TABLES)
        looked_at += await _batch(ctx)


async def _place(ctx: Context, connection: Connection) -> tuple[int, str | None]:
    """Return which table is looked through, and after which key it goes on."""
    row = await connection.fetchrow(
        "SELECT language_step, language_after FROM recall_statistics WHERE organization_id = $1",
        ctx.principal.organization_id,
    )
    return (len(TABLES), None) if row is None else (row["language_step"], row["language_after"])


async def _batch(ctx: Context) -> int:
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.fetchval("SELECT lock_tenant('languages')")
        step, after = await _place(ctx, connection)
        if step >= len(TABLES):
            return 0
        parts = TABLES[step].parts()
        rows = await connection.fetch(
            statement(PACKAGE, "languages_take", **_only(parts, "table", "key", "type", "text", "talk")),
            organization,
            after,
            BATCH,
            _SHOWS,
        )
        unknown = [row for row in rows if row["is_unknown"]]
        codes = await asyncio.to_thread(_detect, unknown)
        shown = sorted((row["id"], code) for row, code in zip(unknown, codes, strict=True) if code is not None)
        if shown:
            fill = statement(PACKAGE, "languages_fill", **_only(parts, "table", "indexed"))
            ids, languages = map(list, zip(*shown, strict=True))
            gone = await connection.fetchval(fill, organization, ids, languages)
            if gone:
                await connection.execute(
                    "DELETE FROM recall_terms WHERE organization_id = $1 AND lexeme = ANY($2) AND documents <= 0",
                    organization,
                    gone,
                )
        await connection.execute(
            "UPDATE recall_statistics SET language_step = $2, language_after = $3 WHERE organization_id = $1",
            organization,
            step if rows else step + 1,
            rows[-1]["place"] if rows else None,
        )
    return len(rows)


def _detect(rows: Sequence[Any]) -> list[str | None]:
    return detect([row["text"] for row in rows], [row["talk"] for row in rows])


def _only(parts: dict[str, str], *names: str) -> dict[str, str]:
    return {name: parts[name] for name in names}
