"""encryption: what an encrypted data directory costs, beside a plain one on the same disk."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.measure import number
from bench.report import Report
from bench.server import Server, server, temporary
from mnemon.db import embedded

ORGANIZATION = "bench"
COMMITS, QUERIES = 100, 100
_KEY_FILE = "MNEMON_ENCRYPTION_KEY_FILE"
_WORDS = (
    "harbour lantern ledger copper violin orchard tunnel glacier pepper saddle compass mirror basket thunder marble "
    "needle pigeon ribbon shovel tractor umbrella valley whistle yellow anchor barrel candle drawer engine feather"
).split()


async def run(report: Report, *, rows: int = 5_000, rounds: int = 2, work: Path | None = None) -> None:
    """Import, commit one by one, and search, by turns on both; a fresh server each time.

    Args:
        report: takes the results.
        rows: utterances of the generated file.
        rounds: times each is measured; two at least.
        work: where the servers' directories are made: on the disk that is meant.
    """
    folder = temporary(work)
    data = _write(folder / "talk.jsonl", rows)
    measured: dict[str, list[dict[str, float]]] = {"plain": [], "encrypted": []}
    try:
        for turn in range(max(2, rounds)):
            for kind in ("plain", "encrypted") if turn % 2 else ("encrypted", "plain"):
                async with _place(report, kind, work) as place:
                    measured[kind].append(await _measure(place, data, rows))
                print(f"  {kind}: {measured[kind][-1]}", flush=True)
    finally:
        shutil.rmtree(folder)
    report.numbers["measured"] = measured
    lines = []
    for name in measured["plain"][0]:
        plain, encrypted = (float(np.median([one[name] for one in measured[kind]])) for kind in ("plain", "encrypted"))
        lines.append((name, number(plain), number(encrypted), f"{encrypted / plain:.2f}"))
    report.table(
        f"{rows:,} utterances, then {COMMITS} commits of one row each, then {QUERIES} searches in what was imported; "
        f"median of {max(2, rounds)} rounds by turns, a fresh server each time. Read again: the first reading of every "
        "row after a restart of the server, whose buffers are empty then:",
        ("", "plain", "encrypted", "encrypted / plain"),
        lines,
    )


@asynccontextmanager
async def _place(report: Report, kind: str, work: Path | None) -> AsyncIterator[Server]:
    folder = temporary(work)
    try:
        if kind == "encrypted":
            key = embedded.new_key_file(folder / "key")
            embedded.make_encrypted(folder / "d", key)
            os.environ[_KEY_FILE] = str(key.file)
        async with server(report, keep=folder) as place:
            yield place
    finally:
        os.environ.pop(_KEY_FILE, None)
        shutil.rmtree(folder)


async def _measure(place: Server, data: Path, rows: int) -> dict[str, float]:
    async with place.memory(auto_maintenance=False) as memory:
        home = await memory.organization(ORGANIZATION)
        began = time.perf_counter()
        done = await home.import_file(data, format="jsonl")
        imported = time.perf_counter() - began
        assert not done.broken
        commits = []
        for turn in range(COMMITS):
            began = time.perf_counter()
            await home.remember(f"Note {turn}: the {_WORDS[turn % len(_WORDS)]} is in the shed", user="ada")
            commits.append(time.perf_counter() - began)
        await home.maintain()
        draw = random.Random(7)
        searches = []
        for _ in range(QUERIES):
            words = " ".join(draw.sample(_WORDS, 3))
            began = time.perf_counter()
            await home.search(f"Where is the {words}?", k=10)
            searches.append(time.perf_counter() - began)
    admin = await place.admin()
    await admin.execute("CHECKPOINT")
    await admin.close()
    embedded.stop(place.data_dir)
    began = time.perf_counter()
    with embedded.acquire(place.data_dir, linger_seconds=0) as lease:
        place.endpoint = lease.endpoint
        started = time.perf_counter() - began
        admin = await place.admin()
        began = time.perf_counter()
        counted = await admin.fetchval("SELECT count(*) FROM messages WHERE content <> '' AND embedding IS NOT NULL")
        read = time.perf_counter() - began
        await admin.close()
        assert counted == rows
    return {
        "import, rows/s": rows / imported,
        "commit of one row, ms (median)": float(np.median(commits)) * 1000,
        "commit of one row, ms (95th percentile)": float(np.percentile(commits, 95)) * 1000,
        "search, ms (median)": float(np.median(searches)) * 1000,
        "search, ms (95th percentile)": float(np.percentile(searches, 95)) * 1000,
        "start of the server, s": started,
        "read again, ms": read * 1000,
    }


def _write(path: Path, rows: int) -> Path:
    draw = random.Random(3)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w") as file:
        for turn in range(rows):
            said = {
                "id": f"line-{turn}",
                "conversation": f"talk-{turn // 500}",
                "speaker": ("Ana", "Ben")[turn % 2],
                "at": (first + timedelta(minutes=turn)).isoformat(),
                "text": f"I put the {' '.join(draw.choices(_WORDS, k=draw.randint(6, 25)))} back, number {turn}.",
            }
            file.write(json.dumps(said) + "\n")
    return path
