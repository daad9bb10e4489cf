"""peers: what a user would pick instead, on the same server, with the same rows, vectors and questions."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import mnemon
from bench.measure import Timing, number, recall_at
from bench.peers_bare import K, bare
from bench.peers_data import Contender, PeerQuery, PeerRow, read_all, write
from bench.report import Report
from bench.server import Server, server, temporary
from mnemon.app import ADMIN_ROLE

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".bench-venv"
PACKAGE = Path(mnemon.__file__).resolve().parent
REQUIREMENTS = Path(__file__).with_name("requirements-peers.txt")
_EXTRA = 500
_TITLES = {"mem0": "mem0 (no inference, pgvector with its HNSW)", "langgraph": "LangGraph AsyncPostgresStore"}


async def run(report: Report, folder: Path, transcript: Path, *, work: Path | None = None) -> None:
    """Everybody in turn, each in a database of its own on one server.

    Args:
        report: takes the results.
        folder: the LoCoMo conversations.
        transcript: a JSONL file of utterances, one more user.
        work: where the server's directory is made.
    """
    rows, queries = await asyncio.to_thread(read_all, folder, transcript)
    extra = [replace(row, id=f"extra/{n}", user="extra") for n, row in enumerate(rows[-_EXTRA:])]
    missing = await asyncio.to_thread(prepare)
    contenders: list[Contender] = []
    async with server(report, work=work) as place:
        contenders.append(await _ours(report, place, rows, extra, queries))
        for name, title in _TITLES.items():
            if missing is not None:
                report.say(f"{title}: could not be installed here, so it was not measured ({missing}).")
            else:
                await _peer(report, place, name, (rows, extra, queries), contenders, work)
        for hnsw in (True, False):
            connection = await _database(place, f"bare_{'hnsw' if hnsw else 'exact'}")
            contenders.append(await bare(connection, rows, extra, queries, hnsw=hnsw))
            await connection.close()
        dated = [replace(row, speaker=f"[{row.at[:10]}] {row.speaker}") for row in rows]
        connection = await _database(place, "bare_dated")
        contenders.append(await bare(connection, dated, extra, queries, hnsw=False))
        contenders[-1].name += ", the date written before each text"
        await connection.close()
    _table(report, contenders, rows, queries)


def prepare() -> str | None:
    """The peers' environment, made on first use; why it could not be, or None."""
    stamp = ENVIRONMENT / ".requirements"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return None
    print(f"installing {REQUIREMENTS.name} into {ENVIRONMENT.name}", flush=True)
    python = str(ENVIRONMENT / "bin" / "python")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(REQUIREMENTS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["pip failed"])[-1][:200]
    stamp.write_text(wanted, encoding="utf-8")
    return None


async def _database(place: Server, name: str) -> Any:
    admin = await place.admin()
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    connection = await place.admin(name)
    await connection.execute("CREATE EXTENSION vector")
    await connection.close()
    return await place.admin(name)  # now it registers the vector types


async def _peer(
    report: Report,
    place: Server,
    name: str,
    given: tuple[Sequence[PeerRow], Sequence[PeerRow], Sequence[PeerQuery]],
    contenders: list[Contender],
    work: Path | None,
) -> None:
    admin = await place.admin()
    await admin.execute(f"CREATE DATABASE peer_{name}")
    await admin.close()
    endpoint = place.endpoint
    dsn = f"host={endpoint.socket_dir} port={endpoint.port} user={ADMIN_ROLE} dbname=peer_{name}"
    folder = await asyncio.to_thread(temporary, work)
    try:
        rows, extra, queries = given
        files = [
            write(folder / "rows.jsonl", rows),
            write(folder / "extra.jsonl", extra),
            write(folder / "queries.jsonl", queries),
        ]
        result = folder / "result.json"
        child = await asyncio.create_subprocess_exec(
            str(ENVIRONMENT / "bin" / "python"),
            str(Path(__file__).with_name("peers_child.py")),
            name,
            dsn,
            *map(str, files),
            str(result),
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await child.communicate()
        if child.returncode:
            last = (errors.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
            report.say(f"{_TITLES[name]}: failed here, so it has no row ({last[:300]}).")
            return
        done = json.loads(result.read_text(encoding="utf-8"))
        contenders.append(
            Contender(_TITLES[name], done["version"], done["bulk"], done["single"], done["times"], done["found"])
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _ours(
    report: Report, place: Server, rows: Sequence[PeerRow], extra: Sequence[PeerRow], queries: Sequence[PeerQuery]
) -> Contender:
    """Mnemon: every row a message of its speaker, in a conversation of its user; one organisation holds them all."""
    async with place.memory() as memory:
        await memory.remember("warm up", user="nobody")  # the weights are read before anything is timed
        began = time.perf_counter()
        await memory.remember([_item(row) for row in rows])
        bulk = time.perf_counter() - began
        began = time.perf_counter()
        await memory.maintain()
        indexing = time.perf_counter() - began
        admin = await place.admin()
        await admin.execute("ANALYZE")
        await admin.close()
        found, times = [], []
        for n, query in enumerate([*queries[:50], *queries]):
            began = time.perf_counter()
            hits = await memory.search(query.text, k=K, conversation=query.user)
            if n >= 50:
                times.append(time.perf_counter() - began)
                found.append([str(hit.item.source_id) for hit in hits])
        began = time.perf_counter()
        for row in extra:
            await memory.remember(_item(row))
        single = time.perf_counter() - began
    report.say(
        f"Mnemon put what is large enough into its vector index in the background, in {indexing:.1f} s after the bulk; "
        "the others pay for theirs while adding."
    )
    report.numbers["indexing_seconds"] = indexing
    return Contender("**Mnemon**", f"mnemon {mnemon.__version__}", bulk, single, times, found)


def _item(row: PeerRow) -> dict[str, str]:
    return {
        "content": row.said,
        "speaker": row.speaker,
        "conversation": row.user,
        "source": "bench",
        "source_id": row.id,
        "at": row.at,
    }


def _table(
    report: Report, contenders: Sequence[Contender], rows: Sequence[PeerRow], queries: Sequence[PeerQuery]
) -> None:
    lines, numbers = [], {}
    for one in contenders:
        timing = Timing.of(one.times)
        recall = 100 * float(np.mean([recall_at(f, q.wanted, K) for f, q in zip(one.found, queries, strict=True)]))
        short = sum(len(set(found)) < K for found in one.found)
        numbers[one.name.strip("*")] = {
            "version": one.version,
            "one_by_one_rate": _EXTRA / one.single,
            "bulk_rate": len(rows) / one.bulk,
            "median_ms": timing.median,
            "p95_ms": timing.p95,
            "recall_at_10": recall,
            "fewer_than_10": short,
        }
        lines.append(
            (
                one.name,
                f"{number(_EXTRA / one.single)} / {number(len(rows) / one.bulk)}",
                str(timing),
                number(recall),
                f"{short} of {len(queries)}",
                one.version,
            )
        )
    report.numbers["rows"] = len(rows)
    report.numbers["peers"] = numbers
    report.table(
        f"{len(rows):,} rows; one by one: {_EXTRA} more into what is already filled. Every search names its user "
        "(Mnemon: the conversation), k=10; the questions are those of categories 1 to 4. Mnemon gets the speaker and "
        'the time as such; the others, which rank by the text alone, get "speaker: text", which is worth 7 points to '
        "them:",
        (
            "",
            "add one by one / in bulk, rows/s",
            "search p50 / p95, ms",
            "R@10",
            "searches that returned fewer than 10",
            "version",
        ),
        lines,
    )
    report.say(
        "All use the same embedder, Mnemon's built-in one: mem0 wants a language model and an embedding service in its "
        "configuration even with `infer=False`, so both get a key that is never used and its embedder is replaced "
        "after it is made; its score threshold is set to 0; spaCy, which it uses where it is installed, is not."
    )
