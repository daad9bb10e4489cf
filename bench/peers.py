"""peers: what a user would pick instead, on the same server, with the same rows, vectors and questions, by turns."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mnemon
from bench.peers_data import PeerQuery, PeerRow, as_given, read_all, write
from bench.peers_table import Measured, tables
from bench.report import Report
from bench.server import Server, server
from mnemon.app import ADMIN_ROLE, DATABASE

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".bench-venv"
PACKAGE = Path(mnemon.__file__).resolve().parent
REQUIREMENTS = Path(__file__).with_name("requirements-peers.txt")

#: Callers whose throughput is measured.
CALLERS = (1, 4, 16)
#: Rows that each caller alone, and sixteen together, add into what is filled already; and of one turn.
_ALONE, _TOGETHER = 500, 1_600
_TURN = {1: 25, 16: 320}
#: Questions of one turn of a throughput, and those asked before somebody writes; writes a second, and for how long.
_QUESTIONS, _BEFORE = 190, 400
_RATE, _SECONDS = 50.0, 6.0
_LIMIT = 1 << 26  # bytes of a line


@dataclass(frozen=True, slots=True)
class Contender:
    """One that is compared.

    Attributes:
        name: its row in the tables.
        side: its class in ``peers_sides``.
        place: what that is told beside the database.
    """

    name: str
    side: str
    place: dict[str, Any] = field(default_factory=dict)

    @property
    def python(self) -> str:
        """The interpreter that has what it needs."""
        return sys.executable if self.side in {"mnemon", "bare"} else str(ENVIRONMENT / "bin" / "python")


OURS = Contender("**Mnemon**", "mnemon")
CONTENDERS = (
    OURS,
    Contender("mem0 (no inference, pgvector with its HNSW)", "mem0"),
    Contender("LangGraph AsyncPostgresStore", "langgraph"),
    Contender("bare SQL with HNSW as it comes", "bare", {"hnsw": True}),
    Contender("bare SQL, exact within the user", "bare"),
    Contender("bare SQL, exact within the user, the date written before each text", "bare", {"dated": True}),
)


class Child:
    """A contender at work in its own process."""

    def __init__(self, contender: Contender, process: asyncio.subprocess.Process) -> None:
        self.contender = contender
        self.measured = Measured(contender.name)
        self._process = process

    async def do(self, what: str, **given: Any) -> dict[str, Any]:
        """Have something done, and return what was measured of it.

        Raises:
            RuntimeError: it ended instead of answering.
        """
        process = self._process
        assert process.stdin is not None  # they are pipes
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps({"do": what, **given}).encode() + b"\n")
        await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            last = (await process.stderr.read()).decode(errors="replace").strip().splitlines() or ["no message"]
            raise RuntimeError(f"{what}: {last[-1][:300]}")
        return dict(json.loads(line))

    async def end(self) -> None:
        """Have it end, by itself if it can."""
        with suppress(RuntimeError, OSError):
            await self.do("close")
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@dataclass(frozen=True, slots=True)
class Given:
    """What everybody gets: the rows (and the file of them), more of them for each way of adding, and the questions."""

    rows: Sequence[PeerRow]
    file: Path
    queries: Sequence[PeerQuery]

    def more(self, what: str, count: int, user: str = "extra") -> list[dict[str, Any]]:
        """Rows that are not there yet."""
        chosen = [self.rows[-1 - n % len(self.rows)] for n in range(count)]
        return [as_given(replace(row, id=f"{what}/{n}", user=user)) for n, row in enumerate(chosen)]


async def run(report: Report, folder: Path, transcript: Path, *, rounds: int = 3, work: Path | None = None) -> None:
    """Everybody by turns, each in a process and a database of its own on one server.

    Args:
        report: takes the results.
        folder: the LoCoMo conversations.
        transcript: a JSONL file of utterances, one more user.
        rounds: times that all of it is done, from empty databases; the tables have the medians.
        work: where the server's directory is made.
    """
    rows, queries = await asyncio.to_thread(read_all, folder, transcript)
    missing = await asyncio.to_thread(prepare)
    able = [one for one in CONTENDERS if missing is None or one.python == sys.executable]
    for one in CONTENDERS:
        if one not in able:
            report.say(f"{one.name}: could not be installed here, so it was not measured ({missing}).")
    done: list[list[Measured]] = []
    async with server(report, work=work) as place:
        given = Given(rows, write(place.data_dir.with_name("rows.jsonl"), rows), queries)
        for number in range(rounds):
            began = time.perf_counter()
            turned = able[number % len(able) :] + able[: number % len(able)]
            measured = await _round(report, place, number, turned, given)
            done.append([measured[one.name] for one in able if one.name in measured])
            print(f"round {number + 1}: {time.perf_counter() - began:.0f} s", flush=True)
    tables(report, done, rows=len(rows), queries=queries, alone=_ALONE, callers=CALLERS)


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


async def _round(
    report: Report, place: Server, number: int, contenders: Sequence[Contender], given: Given
) -> dict[str, Measured]:
    """Fill everybody one after the other, and then ask and fill them by turns; by name, without those that failed."""
    async with AsyncExitStack() as stack:
        children: list[Child] = []
        for index, one in enumerate(contenders):
            child = await stack.enter_async_context(_child(place, one, f"peer_{number}_{index}"))
            try:
                child.measured.version = (await child.do("open"))["version"]
                child.measured.bulk = len(given.rows) / (await child.do("bulk", path=str(given.file)))["seconds"]
                child.measured.ready = (await child.do("ready"))["seconds"]
            except RuntimeError as error:
                report.say(f"{one.name}: failed here, so it has no row ({error}).")
            else:
                children.append(child)
        admin = await place.admin()  # Mnemon's database
        await admin.execute("ANALYZE")
        await admin.close()
        await _ask(children, given.queries)
        await _add(children, given)
        await _throughput(children, given.queries)
        await _beside(children, given)
        return {child.contender.name: child.measured for child in children}


async def _ask(children: Sequence[Child], queries: Sequence[PeerQuery]) -> None:
    """Question by question, whoever begins; the first fifty are asked twice, and count once."""
    for n, query in enumerate([*queries[:50], *queries]):
        at = n % len(children)
        for child in [*children[at:], *children[:at]]:
            answer = await child.do("ask", query=as_given(query))
            if n >= 50:
                child.measured.times.append(answer["seconds"])
                child.measured.found.append(answer["found"])


async def _add(children: Sequence[Child], given: Given) -> None:
    """One by one, by one caller and by sixteen."""
    for callers, count in ((1, _ALONE), (16, _TOGETHER)):
        rows, turn = given.more(f"by {callers}", count), _TURN[callers]
        seconds = dict.fromkeys(children, 0.0)
        for begin in range(0, count, turn):
            for child in children:
                seconds[child] += (await child.do("add", rows=rows[begin : begin + turn], callers=callers))["seconds"]
        for child in children:
            child.measured.added[callers] = count / seconds[child]


async def _throughput(children: Sequence[Child], queries: Sequence[PeerQuery]) -> None:
    """Questions of everybody's, by one caller and by several."""
    for callers in CALLERS:
        seconds = dict.fromkeys(children, 0.0)
        for begin in range(0, len(queries), _QUESTIONS):
            asked = [as_given(query) for query in queries[begin : begin + _QUESTIONS]]
            for child in children:
                seconds[child] += (await child.do("searches", queries=asked, callers=callers))["seconds"]
        for child in children:
            child.measured.searches[callers] = len(queries) / seconds[child]


async def _beside(children: Sequence[Child], given: Given) -> None:
    """Questions to one conversation, into which others write meanwhile."""
    user = given.queries[0].user
    asked = [as_given(query) for query in given.queries if query.user == user]
    asked = (asked * (1 + _BEFORE // len(asked)))[:_BEFORE]
    rows = given.more("beside", int(_RATE * _SECONDS), user)
    for n, row in enumerate(rows):
        row["said"] = f"Locker {n * 7919 % 100_003} holds {row['said']}"
        row["text"] = row["dated"] = f"{row['speaker']}: {row['said']}"
    for child in children:
        child.measured.beside = await child.do("beside", queries=asked, rows=rows, rate=_RATE)


@asynccontextmanager
async def _child(place: Server, one: Contender, database: str) -> AsyncIterator[Child]:
    admin = await place.admin("postgres")
    await admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)" if one == OURS else "SELECT 1")
    if one != OURS:
        await admin.execute(f"CREATE DATABASE {database}")
    await admin.close()
    if one.side == "bare":
        admin = await place.admin(database)
        await admin.execute("CREATE EXTENSION vector")
        await admin.close()
    host, port = str(place.endpoint.socket_dir), place.endpoint.port
    told = {
        "data_dir": str(place.data_dir),
        "host": host,
        "port": port,
        "user": ADMIN_ROLE,
        "database": database,
        "dsn": f"host={host} port={port} user={ADMIN_ROLE} dbname={database}",
        **one.place,
    }
    process = await asyncio.create_subprocess_exec(
        one.python,
        "-m",
        "bench.peers_child",
        one.side,
        json.dumps(told),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(PACKAGE.parent)))},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LIMIT,
    )
    child = Child(one, process)
    try:
        yield child
    finally:
        await child.end()
        if one != OURS:
            admin = await place.admin("postgres")
            await admin.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            await admin.close()
