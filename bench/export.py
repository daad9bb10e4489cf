"""export: an organisation into files and into another database, beside a bare COPY of the same rows."""

from __future__ import annotations

import resource
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from bench.measure import number
from bench.report import Report
from bench.server import Server, server, temporary
from mnemon.app import ADMIN_ROLE
from mnemon.installation.export import (
    ExportOrganization,
    ImportOrganization,
    export_organization,
    import_organization,
    verify_export,
)
from mnemon.installation.export.tables import ExportTable, read_tables
from mnemon.migrations import runner

#: Of the rows, so many are memories, and each of them has a row in the log; the others are messages.
MEMORIES = 0.2
TALKS = 200
_OPTIONS = {"max_wal_size": "8GB"}
_MB = 1e6
#: Another one for each row: it asks for the row's number.
_VECTOR = "(SELECT array_agg(random() - 0.5) FROM generate_series(1, 256) d WHERE i > 0)::vector::halfvec"


async def run(report: Report, *, rows: int = 120_000, rounds: int = 3, work: Path | None = None) -> None:
    """Export and import the same organisation by the product and by COPY, by turns.

    Args:
        report: takes the results.
        rows: messages and memories of the organisation.
        rounds: times each is measured; three at least.
        work: where the server's directory and the files are made.
    """
    files = temporary(work)
    seconds: dict[str, list[float]] = {}
    try:
        async with server(report, work=work, options=_OPTIONS) as place, place.memory(auto_maintenance=False) as memory:
            ctx = await memory.open()
            own = ctx.principal.organization_id
            admin = await place.admin()
            await _fill(admin, own, rows)
            await _template(place)
            tables = await read_tables(admin)
            for turn in range(max(3, rounds)):
                done = files / f"export-{turn}"
                (files / f"copy-{turn}").mkdir()

                async def product(done: Path = done) -> None:
                    await export_organization(ctx, ExportOrganization(path=done))

                async def bare(turn: int = turn) -> None:
                    await _copy_out(admin, tables, own, files / f"copy-{turn}")

                for name, what in _turns(turn, ("export", product), ("copy out", bare)):
                    seconds.setdefault(name, []).append(await _timed(admin, what))
                began = time.perf_counter()
                manifest = await verify_export(done)
                seconds.setdefault("verify", []).append(time.perf_counter() - began)
                await _into(place, seconds, turn, done, files / f"copy-{turn}", tables)
                copied = _size(files / f"copy-{turn}")
                report.numbers |= {"rows": manifest.rows, "bytes": manifest.bytes, "copy_bytes": copied}
            began = time.perf_counter()
            receipt = await memory.erase(user="person-1")
            report.numbers["erasure"] = {"seconds": time.perf_counter() - began, "rows": sum(receipt.counts.values())}
            await admin.close()
    finally:
        shutil.rmtree(files, ignore_errors=True)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    report.numbers |= {"seconds_of": seconds, "peak_memory_mb": kilobytes / 1024}
    _table(report, seconds)


Work = Callable[[], Awaitable[None]]


def _turns(turn: int, *pairs: tuple[str, Work]) -> tuple[tuple[str, Work], ...]:
    return pairs if turn % 2 else pairs[::-1]


async def _timed(admin: Any, what: Work) -> float:
    await admin.execute("CHECKPOINT")
    began = time.perf_counter()
    await what()
    return time.perf_counter() - began


async def _into(
    place: Server, seconds: dict[str, list[float]], turn: int, export: Path, copied: Path, tables: list[ExportTable]
) -> None:
    """The same files into two fresh databases."""
    url = place.endpoint.url(ADMIN_ROLE, "bench_target")

    async def product() -> None:
        await import_organization(url, ImportOrganization(path=export))

    async def bare() -> None:
        connection = await place.admin("bench_target")
        await _copy_in(connection, tables, copied)
        await connection.close()

    postgres = await place.admin("postgres")
    for name, what in _turns(turn, ("import", product), ("copy in", bare)):
        await postgres.execute("CREATE DATABASE bench_target TEMPLATE bench_template")
        seconds.setdefault(name, []).append(await _timed(postgres, what))
        await postgres.execute("DROP DATABASE bench_target WITH (FORCE)")
        print(f"  {name}: {seconds[name][-1]:.1f} s", flush=True)
    await postgres.close()


async def _template(place: Server) -> None:
    postgres = await place.admin("postgres")
    await postgres.execute("CREATE DATABASE bench_template")
    await postgres.close()
    await runner.upgrade(place.endpoint.url(ADMIN_ROLE, "bench_template"))


async def _fill(admin: Any, own: UUID, rows: int) -> None:
    """Messages of two people in some hundred conversations, and memories of theirs, all with vectors."""
    memories = int(rows * MEMORIES)
    await admin.execute(
        "INSERT INTO users (organization_id, external_id) SELECT $1, 'person-' || i FROM generate_series(1, 2) i", own
    )
    await admin.execute(
        "INSERT INTO conversations (organization_id, external_id) "
        "SELECT $1, 'talk-' || i FROM generate_series(1, $2) i",
        own,
        TALKS,
    )
    text = (
        "'Line ' || i || ' is about topic ' || i % 997 || ', and has about as many words as people use when they talk.'"
    )
    people = "(SELECT array_agg(id ORDER BY external_id) AS ids FROM users WHERE organization_id = $1) u"
    await admin.execute(
        "INSERT INTO messages (organization_id, conversation_id, sender_id, content, ordinal, embedding, "
        f"embedding_status, embedding_model) SELECT $1, c.ids[1 + i % $3], u.ids[1 + (i % 10 = 0)::int], {text}, "
        f"(1::bigint << 16) * (1 + i / 60000) + i % 60000, {_VECTOR}, 'ready', 'mnemon-static-256' "
        "FROM generate_series(1, $2::int) i, "
        f"(SELECT array_agg(id) AS ids FROM conversations WHERE organization_id = $1) c, {people}",
        own,
        rows - memories,
        TALKS,
    )
    await admin.execute(
        "INSERT INTO memories (organization_id, user_id, content, embedding, embedding_status, embedding_model) "
        f"SELECT $1, u.ids[1 + (i % 10 = 0)::int], {text}, {_VECTOR}, 'ready', 'mnemon-static-256' "
        f"FROM generate_series(1, $2::int) i, {people}",
        own,
        memories,
    )
    await admin.execute("VACUUM ANALYZE")


def _columns(table: ExportTable) -> list[str]:
    return [table.tenant, *(column.name for column in table.columns)]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


async def _copy_out(admin: Any, tables: list[ExportTable], own: UUID, folder: Path) -> None:
    for table in tables:
        names = ", ".join(f'"{name}"' for name in _columns(table))
        query = f"SELECT {names} FROM {table.name} WHERE {table.tenant} = '{own}'"
        await admin.copy_from_query(query, output=str(folder / table.name))


async def _copy_in(admin: Any, tables: list[ExportTable], folder: Path) -> None:
    """As a superuser, without triggers and foreign keys, in one transaction as well."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        for table in tables:
            await admin.copy_to_table(table.name, source=str(folder / table.name), columns=_columns(table))
            if table.name == "organizations":
                await admin.execute("INSERT INTO search_salts (id) SELECT id FROM organizations ON CONFLICT DO NOTHING")
                await admin.execute(
                    "INSERT INTO directory (digest, id) SELECT directory_digest('slug', slug), id FROM organizations "
                    "WHERE slug IS NOT NULL ON CONFLICT DO NOTHING"
                )


def _table(report: Report, seconds: dict[str, list[float]]) -> None:
    numbers = report.numbers
    erased = numbers["erasure"]
    report.say(
        f"Erasing one person of it, whose {erased['rows']:,} rows go, took {erased['seconds']:.1f} s, one transaction."
    )
    median = {name: float(np.median(found)) for name, found in seconds.items()}
    rounds = len(seconds["export"])
    report.table(
        f"{numbers['rows']:,} rows of one organisation with their vectors, {numbers['bytes'] / _MB:,.0f} MB as NDJSON "
        f"({numbers['copy_bytes'] / _MB:,.0f} MB as COPY writes them), median of {rounds} rounds by turns. The export "
        "is as the application role under row-level security, with a hash of each file; the import checks all hashes "
        "first, then writes with foreign keys, checks and indexes in one transaction. COPY is a superuser's, in text; "
        "inwards without triggers and foreign keys. The client's memory at its highest, all rounds together: "
        f"{numbers['peak_memory_mb']:,.0f} MB:",
        ("", "seconds", "rows/s", "MB/s", "of COPY"),
        [
            (
                name,
                f"{median[name]:.2f}",
                f"{numbers['rows'] / median[name]:,.0f}",
                f"{numbers['copy_bytes' if name.startswith('copy') else 'bytes'] / median[name] / _MB:,.1f}",
                number(median[other] / median[name]) if other else "-",
            )
            for name, other in (
                ("export", "copy out"),
                ("copy out", None),
                ("verify", None),
                ("import", "copy in"),
                ("copy in", None),
            )
        ],
    )
