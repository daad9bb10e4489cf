"""import: the product's import of a long conversation beside a bare COPY of the same rows, and its memory."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import resident_mb
from bench.measure import number
from bench.report import Report
from bench.server import Server, server, temporary
from bench.texts import Sentences

ORGANIZATION = "flight"
#: What must be there before messages can be: copied as it was, with the counters that triggers keep at zero.
_BEFORE = ("organizations", "users", "agents", "conversations", "conversation_sessions")
_COUNTERS = {
    "conversations": "message_count = 0, total_input_tokens = 0, total_output_tokens = 0, last_message_at = NULL",
    "conversation_sessions": "message_count = 0, term_count = 0, speaker_ids = '{}', ends_with_question = false",
}


async def run(
    report: Report,
    data: Path,
    *,
    rounds: int = 5,
    sizes: Sequence[int] = (50_000, 200_000),
    work: Path | None = None,
    embedder: str = "builtin",
) -> None:
    """Import and COPY by turns, then long imports with their resident memory.

    Args:
        report: takes the results.
        data: a JSONL file of utterances.
        rounds: times each is measured.
        sizes: utterances of the generated files.
        work: where the server's directory is made.
        embedder: EMBEDDING_MODEL of the database; long imports are measured with the built-in one only.
    """
    async with server(report, work=work, embedder=embedder) as place:
        await _against_copy(report, place, data, rounds)
    if embedder != "builtin":
        return
    async with server(report, work=work) as place:
        await _memory(report, place, data, sizes, work)


async def _against_copy(report: Report, place: Server, data: Path, rounds: int) -> None:
    admin = await place.admin()
    product, copied, maintained = [], [], []
    rows, before = await _reference(place, admin, data)
    for turn in range(rounds):
        for who in ("product", "copy") if turn % 2 else ("copy", "product"):
            await _empty(admin)
            if who == "copy":
                copied.append(await _copy(admin, before, rows))
            else:
                seconds, indexing = await _import(place, data)
                product.append(seconds)
                maintained.append(indexing)
    written = await admin.fetchval("SELECT count(*) FROM messages")
    await admin.close()
    assert written == len(rows[1])
    count = len(rows[1])
    rates = {"product": count / np.median(product), "copy": count / np.median(copied)}
    ratio = rates["product"] / rates["copy"]
    report.numbers["copy"] = {
        "rows": count,
        "product_seconds": product,
        "copy_seconds": copied,
        "product_rate": rates["product"],
        "copy_rate": rates["copy"],
        "ratio": ratio,
        "indexing_seconds": maintained,
    }
    report.table(
        f"{count:,} utterances, median of {rounds} rounds by turns, the tables emptied before each. The product reads "
        "the file, embeds, finds sessions and participants and commits every 2,000; COPY (binary, superuser, one "
        "transaction) gets finished rows with their embeddings and ordinals, into the same tables with the same "
        "indexes, constraints and triggers:",
        ("", "seconds", "rows/s", "of COPY (target: at least 0.5)"),
        [
            ("import_file", number(float(np.median(product))), number(rates["product"]), f"{ratio:.2f}"),
            ("bare COPY", number(float(np.median(copied))), number(rates["copy"]), "1"),
            ("vector index afterwards, in the background", number(float(np.median(maintained))), "-", "-"),
        ],
    )


async def _import(place: Server, data: Path) -> tuple[float, float]:
    """Seconds of the import, and of the maintenance that follows it behind the caller's back."""
    async with place.memory(auto_maintenance=False) as memory:
        home = await memory.organization(ORGANIZATION)
        began = time.perf_counter()
        done = await home.import_file(data, format="jsonl")
        seconds = time.perf_counter() - began
        assert not done.broken
        began = time.perf_counter()
        await home.maintain()
        return seconds, time.perf_counter() - began


Table = tuple[list[str], list[tuple[Any, ...]]]


async def _reference(place: Server, admin: Any, data: Path) -> tuple[Table, dict[str, Table]]:
    """One import whose rows COPY will write: messages as they were inserted, and what must stand before them."""
    async with place.memory(auto_maintenance=False) as memory:
        await (await memory.organization(ORGANIZATION)).import_file(data, format="jsonl")
    rows = await _read(admin, "messages", "ORDER BY ordinal")
    for table, counters in _COUNTERS.items():
        await admin.execute(f"UPDATE {table} SET {counters}")
    return rows, {table: await _read(admin, table, "") for table in _BEFORE}


async def _read(admin: Any, table: str, order: str) -> Table:
    columns = [
        row["attname"]
        for row in await admin.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = '' ORDER BY attnum",
            table,
        )
    ]
    names = ", ".join(f'"{column}"' for column in columns)
    return columns, [tuple(row) for row in await admin.fetch(f"SELECT {names} FROM {table} {order}")]


async def _empty(admin: Any) -> None:
    await admin.execute("TRUNCATE organizations CASCADE")
    await admin.execute("CHECKPOINT")


async def _copy(admin: Any, before: dict[str, Table], rows: Table) -> float:
    for table, (columns, records) in before.items():
        if records:
            await admin.copy_records_to_table(table, columns=columns, records=records)
    columns, records = rows
    began = time.perf_counter()
    await admin.copy_records_to_table("messages", columns=columns, records=records)
    return time.perf_counter() - began


# -- memory -------------------------------------------------------------------------------------------------------


async def _memory(report: Report, place: Server, data: Path, sizes: Sequence[int], work: Path | None) -> None:
    folder = temporary(work)
    curves, rows = {}, []
    try:
        for size in sizes:
            path = write_long(folder / f"long-{size}.jsonl", data, size)
            seconds, samples = await _watched(place, path)
            curves[size] = samples
            peak = max(mb for _, mb in samples)
            rows.append((f"{size:,}", number(seconds), number(size / seconds), f"{peak:.0f}"))
    finally:
        for one in folder.iterdir():
            one.unlink()
        folder.rmdir()
    report.numbers["memory"] = {
        str(size): {"max_mb": max(mb for _, mb in samples), "samples": samples} for size, samples in curves.items()
    }
    report.table(
        "A generated file, imported by a process of its own; resident memory of that process sampled ten times a "
        "second (it is flat if the longer file needs no more):",
        ("utterances", "seconds", "rows/s", "most resident memory, MB"),
        rows,
    )
    _plot(report, curves)


def write_long(path: Path, data: Path, size: int) -> Path:
    """A JSONL file of that many utterances: sentences made of the words of another, in conversations of 2,000."""
    sentences = Sentences(data, seed=size)
    names = [f"Person {n}" for n in range(40)]
    chance = random.Random(size)
    at = datetime(2024, 1, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        for n in range(size):
            at += timedelta(seconds=chance.randrange(1, 120))
            line = {
                "id": f"u{n}",
                "conversation": f"conversation {n // 2000}",
                "at": at.isoformat(),
                "speaker": names[(n // 2000 * 3 + chance.randrange(3)) % len(names)],
                "text": sentences.one(),
            }
            file.write(json.dumps(line) + "\n")
    return path


async def _watched(place: Server, path: Path) -> tuple[float, list[tuple[float, float]]]:
    """Seconds that a child's import took by its own clock, and (second, MB) of its resident memory."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.import_child",
        str(place.data_dir),
        str(path),
        stdout=asyncio.subprocess.PIPE,
    )
    began = time.perf_counter()
    samples = []
    output = asyncio.create_task(child.communicate())
    while not output.done():
        samples.append((round(time.perf_counter() - began, 2), round(resident_mb(child.pid), 1)))
        await asyncio.wait([output], timeout=0.1)
    text, _ = output.result()
    if child.returncode:
        raise SystemExit(f"the import of {path.name} failed")
    return float(json.loads(text)["seconds"]), samples


def _plot(report: Report, curves: dict[int, list[tuple[float, float]]]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.5))
    for size, samples in curves.items():
        axes.plot([s for s, _ in samples], [mb for _, mb in samples], label=f"{size:,} utterances")
    axes.set(xlabel="seconds", ylabel="resident memory, MB", title="Memory of an import")
    axes.set_ylim(bottom=0)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(report.plot_path("-memory"), dpi=120)
    plt.close(figure)


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
