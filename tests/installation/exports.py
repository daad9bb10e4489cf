"""What the tests of export and import share: a second installation, rows in every table, forged exports."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from mnemon import AsyncMemory
from mnemon.app import App
from mnemon.installation.export.rules import ARRIVES, INCLUDED, OMITTED, SEALED, SESSIONS
from mnemon.installation.export.schemas import digest_of
from tests.factories import Rows, tables


@dataclass
class Elsewhere:
    """Another installation: a database of its own, its application, and a superuser's connection to it."""

    owner_url: str
    memory: AsyncMemory
    admin: Any

    @property
    def app(self) -> App:
        """What its library holds."""
        assert self.memory._app is not None
        return self.memory._app


#: Columns that get a value which is easily got wrong on its way through JSON.
EXOTIC: dict[str, dict[str, str]] = {
    "users": {
        "metadata": r"""'{"n": 1.500, "big": 12345678901234567890.12345678901234567890, "null": null,
            "text": "\u2028 \\ \" \u00e9 \u0001", "deep": [{"a": [[]]}]}'""",
        "created_at": "'0044-03-15 12:00 BC'",
        "full_name": r"""E'a\tb\nc\r\\"\x02\x01,'""",
    },
    "messages": {
        "tool_calls": "'null'",
        "tool_results": "'[null, 1e400]'",
        "tags": """ARRAY['', 'NULL', '{"', NULL]""",
        "edited_at": "'2026-01-01 00:00:00.000001+05'",
    },
    "memories": {"confidence": "'1e-300'", "last_accessed_at": "'infinity'", "access_count": "5"},
    "agents": {"learning_rate": "0.10", "external_id": r"E'\u00e9'"},
    "api_requests": {"ip_address": "'2001:db8::/64'"},
    "conversation_sessions": {"number": "CASE WHEN number > 2^46 THEN 2 ^ 47 - 1 ELSE number END"},
    "tasks": {"due_time": "'23:59:59.999999'", "due_date": "'9999-12-31'"},
}
_MINUS_ZERO = (
    "INSERT INTO agent_metrics (organization_id, agent_id, metric_type, value) "
    "SELECT organization_id, agent_id, 'zero', '-0' FROM agent_metrics WHERE organization_id = $1 LIMIT 1"
)


async def fill(admin: Any, organization: UUID) -> set[str]:
    """A row in each table that is exported, with values that are easily got wrong; tables that have one."""
    rows = Rows(admin, await tables(admin), organization)
    # One that every installation has.
    rows.made["permissions"] = dict(await admin.fetchrow("SELECT * FROM permissions WHERE name = 'users:read'"))
    for name in sorted(INCLUDED - SEALED):
        await rows.row(name)
    for table, values in EXOTIC.items():
        changes = ", ".join(f"{column} = {value}" for column, value in values.items())
        await admin.execute(f"UPDATE {table} SET {changes} WHERE organization_id = $1", organization)
    await admin.execute(_MINUS_ZERO, organization)
    return set(rows.made)


async def kept(admin: Any, organization: UUID) -> dict[str, list[str]]:
    """Every exported row of an organisation, as the database itself writes it; without what an export leaves out."""
    found = {}
    for table in await tables(admin):
        if table.name not in INCLUDED - SEALED:
            continue
        gone = {column for name, column in (*OMITTED, *ARRIVES) if name == table.name}
        gone |= {"permission_id"} if table.name == "role_permissions" else set()
        columns = ", ".join(
            f"coalesce({_same(table.name, c.name)}::text, '(null)')"
            for c in table.columns
            if c.name not in gone | {table.tenant_column}
        )
        query = f"SELECT ARRAY[{columns}]::text FROM {table.name} WHERE {table.tenant_column} = $1 ORDER BY 1"
        found[table.name] = [row[0] for row in await admin.fetch(query, organization)]
    return found


def _same(table: str, column: str) -> str:
    """What is the same in every installation: of a session's number, which in the order of the organisation's it is."""
    if column != SESSIONS.get(table, ("", ""))[0]:
        return column
    if column == "number":
        return "dense_rank() OVER (ORDER BY number)"
    return "(ARRAY[dense_rank() OVER (ORDER BY ordinal >> 16), ordinal & 65535])"


def names(folder: Path) -> list[str]:
    """What is in a directory."""
    return sorted(path.name for path in folder.iterdir())


def table_lines(path: Path, table: str) -> list[dict[str, Any]]:
    """The lines of a table of an export that is a directory and not compressed."""
    return [json.loads(line) for line in (path / f"{table}.ndjson").read_text(encoding="utf-8").splitlines()]


def forge(path: Path, edit: Callable[[dict[str, Any]], None] | None = None, **tables_to: list[Any]) -> None:
    """Change an export as somebody would who knows its format: the hashes are right afterwards."""
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    for name, lines in tables_to.items():
        text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines).encode()
        (path / f"{name}.ndjson").write_bytes(text)
        entry = next(entry for entry in manifest["tables"] if entry["name"] == name)
        entry |= {"rows": len(lines), "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    if edit is not None:
        edit(manifest)
    manifest["sha256"] = digest_of(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


async def talk(memory: AsyncMemory, lines: int = 30) -> None:
    """A conversation of two people, and memories of one of them."""
    subjects = ("figs", "bees", "boats", "the harbour", "bread")
    for n in range(lines):
        await memory.remember(
            f"Line {n} is about {subjects[n % 5]}.",
            user="ada",
            conversation="talk",
            role="user",
            sender="ada ben".split()[n % 2],
        )
    kept_one = await memory.remember("Ada likes figs.", user="ada", tags=["fruit"], metadata={"n": 1.5})
    await memory.update(kept_one.id, "Ada likes dates.", reason="she said so")
    await memory.remember("Ben keeps bees.", user="ben")


async def random_rows(admin: Any, organization: UUID, seed: int, count: int = 40) -> None:
    """Memories with values that nobody thought of."""
    dice = random.Random(seed)

    def text(longest: int) -> str:
        return "".join(
            chr(dice.choice((9, 10, 13, 34, 39, 92, 44, 123, 0x1F600, dice.randrange(1, 0xD7FF))))
            for _ in range(dice.randrange(longest))
        )

    for _ in range(count):
        metadata = {text(8): dice.choice((text(20), dice.random() * 10 ** dice.randrange(-20, 20), None, [text(3)]))}
        vector = "[" + ",".join(repr(dice.uniform(-6e4, 6e4) * 10.0 ** -dice.randrange(8)) for _ in range(256)) + "]"
        await admin.execute(
            "INSERT INTO memories (organization_id, content, title, tags, metadata, confidence, importance, "
            "occurred_at, embedding, embedding_status, embedding_model) VALUES ($1, $2, $3, $4, $5, $6, $7, "
            "to_timestamp($8::float8), $9::text::halfvec, 'ready', 'mnemon-static-256')",
            organization,
            "x" + text(200),
            text(50),
            [text(5) for _ in range(dice.randrange(4))],
            json.dumps(metadata),
            dice.random(),
            dice.randrange(1, 11),
            dice.uniform(-1e10, 1e11),
            vector,
        )


async def waits(admin: Any, application: str, tries: int = 600) -> int:
    """The server's process that a client of this name waits with for a lock; asked until it does."""
    for _ in range(tries):
        await admin.execute("SELECT pg_stat_clear_snapshot()")  # the asker's own transaction would see it as it was
        found: int | None = await admin.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock' "
            "AND datname = current_database() LIMIT 1",
            application,
        )
        if found is not None:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{application} never waited for a lock")


async def gone(admin: Any, pid: int, tries: int = 600) -> None:
    """Asked until a process of the server is not there any more."""
    for _ in range(tries):
        if not await admin.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the server's process stayed")
