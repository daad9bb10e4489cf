"""processes: one memory under servers and pools that fork, each call checked; nothing lost, hanging or left open."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.report import Report
from bench.server import server

ROOT = Path(__file__).resolve().parents[1]
GUNICORN = {"gunicorn sync": "sync", "gunicorn gthread": "gthread", "gunicorn uvicorn": "uvicorn_worker.UvicornWorker"}
POOLS = {f"multiprocessing {method}": method for method in ("fork", "spawn", "forkserver")}
KINDS = (*GUNICORN, "celery prefork", *POOLS)
#: Seconds after which a call hangs.
PATIENCE = 120.0
_AT_ONCE = 8
_CONNECTIONS = (
    "SELECT count(*) FILTER (WHERE state LIKE 'idle in transaction%'), count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@dataclass
class Outcome:
    """What became of the calls of one server or pool.

    Attributes:
        calls: how many there were.
        answers: what each answered.
        kept: their memories that are in the database, and the different ones among them.
        connections: before, the most while it ran, and after it had ended.
        in_transaction: connections that were left in a transaction at the end.
    """

    kind: str
    calls: int
    answers: list[dict[str, Any]] = field(default_factory=list)
    kept: tuple[int, int] = (0, 0)
    connections: tuple[int, int, int] = (0, 0, 0)
    in_transaction: int = 0
    seconds: float = 0.0

    @property
    def found(self) -> int:
        """Calls that found what they had remembered."""
        return len({one["number"] for one in self.answers if one["found"]})

    @property
    def workers(self) -> int:
        """Processes that answered."""
        return len({one["process"] for one in self.answers})

    @property
    def is_whole(self) -> bool:
        """Nothing was lost, doubled or left open."""
        before, _, after = self.connections
        return self.found == self.calls and self.kept == (self.calls, self.calls) and after == before


async def run(report: Report, *, calls: int, work: Path | None) -> None:
    """Every kind of server and pool over one embedded server, which its processes share."""
    outcomes = []
    async with server(report, work=work) as own:
        admin = await own.admin()
        for number, kind in enumerate(KINDS):
            environment = {"MNEMON_DATA_DIR": str(own.data_dir), "MNEMON_ORGANIZATION": f"processes-{number}"}
            outcome = await measure(kind, calls, environment, admin)
            outcomes.append(outcome)
            print(f"{kind}: {outcome.found} of {calls}, {outcome.seconds:.1f} s", flush=True)
        await admin.close()
    report.numbers["processes"] = [
        {
            "kind": one.kind,
            "calls": one.calls,
            "found": one.found,
            "kept": one.kept,
            "connections": one.connections,
            "in_transaction": one.in_transaction,
            "workers": one.workers,
            "seconds": round(one.seconds, 1),
        }
        for one in outcomes
    ]
    report.table(
        "Each call remembers something and finds it again, in a process that was forked (or spawned) from one that had "
        f"used the memory before; a call that takes more than {PATIENCE:.0f} s counts as hanging. Connections as "
        "pg_stat_activity counts them:",
        ("", "calls", "found", "in the database", "processes", "calls a second", "connections before, most, after"),
        [
            (
                one.kind,
                f"{one.calls:,}",
                f"{one.found:,}",
                f"{one.kept[0]:,}",
                str(one.workers),
                f"{one.calls / one.seconds:.0f}",
                ", ".join(map(str, one.connections)),
            )
            for one in outcomes
        ],
    )
    if broken := [one.kind for one in outcomes if not one.is_whole]:
        raise SystemExit(f"Not whole: {', '.join(broken)}")


async def measure(kind: str, calls: int, environment: Mapping[str, str], admin: Any) -> Outcome:
    """The calls under one kind of server or pool.

    Args:
        kind: one of ``KINDS``.
        calls: how many.
        environment: variables that name the database, and an organisation that has nothing yet.
        admin: a connection to that database that sees every row.
    """
    outcome = Outcome(kind, calls)
    _, before = await admin.fetchrow(_CONNECTIONS)
    most = asyncio.create_task(_most(admin))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mnp-") as place:
        variables = {**os.environ, **environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
        if kind in GUNICORN:
            outcome.answers = await _gunicorn(GUNICORN[kind], calls, Path(place), variables)
        elif kind in POOLS:
            outcome.answers = await _pool(POOLS[kind], calls, variables)
        else:
            outcome.answers = await _celery(calls, Path(place), variables)
    outcome.seconds = time.perf_counter() - began
    most.cancel()
    seen = (await asyncio.gather(most, return_exceptions=True))[0]
    assert isinstance(seen, int), seen
    until = time.monotonic() + 10
    while True:  # the server takes a moment to notice the end of a process
        outcome.in_transaction, after = await admin.fetchrow(_CONNECTIONS)
        if after <= before or time.monotonic() > until:
            break
        await asyncio.sleep(0.05)
    outcome.connections = (before, seen, after)
    row = await admin.fetchrow(
        "SELECT count(*), count(DISTINCT content) FROM memories JOIN organizations o ON o.id = organization_id "
        "WHERE o.slug = $1 AND content LIKE 'Box number %'",
        environment["MNEMON_ORGANIZATION"],
    )
    outcome.kept = tuple(row)
    return outcome


async def _most(admin: Any) -> int:
    """The most connections there were, until it is cancelled."""
    seen: int = 0
    while True:
        asked = asyncio.ensure_future(admin.fetchrow(_CONNECTIONS))
        try:
            seen = max(seen, int((await asyncio.shield(asked))[1]))
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            return max(seen, int((await asked)[1]))  # the connection is somebody else's from now on


async def _gunicorn(worker: str, calls: int, place: Path, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """The calls over HTTP, some at a time."""
    path = place / "gunicorn.sock"
    application = "asgi" if "uvicorn" in worker else "wsgi"
    command = (
        "gunicorn",
        "--preload",
        "--workers",
        "2",
        "--threads",
        "4",
        "--worker-class",
        worker,
        "--timeout",
        "120",
    )
    arguments = ("--bind", f"unix:{path}", "--log-level", "warning", f"bench.processes_app:{application}")
    async with _process(*command, *arguments, environment={**environment, "WARM_BEFORE_FORK": "1"}) as process:
        until = time.monotonic() + PATIENCE
        while not path.exists():
            assert process.returncode is None, "gunicorn ended"
            assert time.monotonic() < until, "gunicorn does not listen"
            await asyncio.sleep(0.05)
        transport = httpx.AsyncHTTPTransport(uds=str(path), limits=httpx.Limits(max_keepalive_connections=0))
        async with httpx.AsyncClient(transport=transport, base_url="http://bench", timeout=PATIENCE) as client:
            turns = asyncio.Semaphore(_AT_ONCE)

            async def one(number: int) -> dict[str, Any]:
                async with turns:
                    answer: dict[str, Any] = (await client.get(f"/?{number}")).raise_for_status().json()
                    return answer

            return await asyncio.gather(*map(one, range(calls)))


async def _celery(calls: int, place: Path, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """The calls as tasks, which have been sent when the worker starts."""
    results = place / "results"
    for folder in (results, place / "queue", place / "control"):
        folder.mkdir()
    environment = {**environment, "CELERY_PLACE": str(place)}
    send = (
        "from bench.processes_tasks import remembered\n"
        f"for number in range({calls}): remembered.delay(str(number))\n"
        "print('[]')"
    )
    await _printed("-c", send, environment=environment)
    command = ("celery", "-A", "bench.processes_tasks", "worker", "-P", "prefork", "-c", "2", "-l", "WARNING")
    alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    async with _process(*command, *alone, environment={**environment, "WARM_BEFORE_FORK": "1"}) as process:
        answered, last = 0, time.monotonic()
        while answered < calls:
            assert process.returncode is None, "Celery ended"
            assert time.monotonic() - last < PATIENCE, f"Celery hangs after {answered} calls"
            await asyncio.sleep(0.05)
            if (now := sum(1 for _ in results.iterdir())) > answered:
                answered, last = now, time.monotonic()
    return [json.loads(one.read_bytes()) for one in results.iterdir()]


async def _pool(method: str, calls: int, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """The calls from a pool of multiprocessing's."""
    return await _printed("-m", "bench.processes_app", method, str(calls), environment=environment)


async def _printed(*arguments: str, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, f"It ended with {process.returncode}"
    answers: list[dict[str, Any]] = json.loads(output.splitlines()[-1])
    return answers


@asynccontextmanager
async def _process(*command: str, environment: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A server as a module of this Python, told to end at the end of the block; it has to end by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *command, cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), PATIENCE)
    except BaseException:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        raise
