"""worker and jobs on the command line, over the database of the run's server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.core.pages import PageRequest
from mnemon.doors.cli.main import main
from mnemon.jobs import service
from mnemon.jobs.schemas import Enqueue
from tests.conftest import APP, WORKER, Server
from tests.factories import context_of
from tests.patience import PATIENCE

from .conftest import MNEMON, Cli

T = TypeVar("T")


@pytest.fixture
def queue(home: Path, slug: str) -> Any:
    """Calls a verb of the queue in the command's organisation."""

    def call(verb: Any, *arguments: Any) -> Any:
        async def work() -> Any:
            async with AsyncMemory(data_dir=home, organization=slug) as memory:
                await memory.open()
                return await verb(context_of(memory), *arguments)

        return _run(work())

    return call


def _run(work: Coroutine[Any, Any, T]) -> T:
    """On a loop of its own: the tests' is not running here."""
    with asyncio.Runner() as runner:
        return runner.run(work)


def test_a_job_from_the_queue_to_its_end(cli: Cli, queue: Any) -> None:
    async def enqueue(ctx: Context) -> list[str]:
        kinds = ("memory.maintain", "memory.maintain", "nobody.knows")
        return [str((await service.enqueue(ctx, Enqueue(kind=kind))).id) for kind in kinds]

    first, second, unknown = queue(enqueue)
    listed = cli("jobs", "list", "--json").json
    assert [job["id"] for job in listed["items"]] == [unknown, second, first]
    assert cli("jobs", "cancel", second).out == "Cancelled.\n"
    again = cli("jobs", "cancel", second, "--json")
    assert (again.code, again.error["code"]) == (4, "conflict.job_state")
    done = cli("worker", "--once", "--no-schedules", "--json")
    assert done.code == 0, done.err
    assert done.json["succeeded"] >= 1
    shown = cli("jobs", "show", first, "--json").json
    assert (shown["status"], shown["result"]) == ("succeeded", {"indexed": 0, "remaining": 0})
    for words in ("succeeded", "memory.maintain", "running (attempt 1)"):
        assert words in cli("jobs", "show", first).out
    assert cli("jobs", "retry", second).out == "memory.maintain is queued again.\n"
    lines = cli("jobs", "list").out.splitlines()
    assert len(lines) == 3
    assert "nobody.knows" in lines[0]
    assert "queued" in lines[0], "a kind without a handler waits"
    assert [job["id"] for job in cli("jobs", "list", "--status", "queued", "--json").json["items"]] == [unknown, second]
    for job in (second, unknown):  # workers of other tests serve everybody
        assert cli("jobs", "cancel", job).code == 0


def test_what_the_commands_refuse(cli: Cli) -> None:
    assert cli("jobs", "show", "00000000-0000-0000-0000-000000000001").code == 3
    assert cli("jobs", "list", "--status", "lost", "--json").error["data"]["field"] == "status"
    assert cli("worker", "--concurrency", "0").code == 2
    for name in ("no.such.module:registry", "json:registry", "json:loads", ":x", "x y"):
        refused = cli("worker", "--once", "--handlers", name, "--json")
        assert (refused.code, refused.error["code"]) == (2, "invalid.handlers"), name


def test_a_worker_with_the_applications_login_is_told_what_it_needs(
    server: Server, template: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", server.url(APP))
    assert main(["worker", "--once"]) != 0
    told = capsys.readouterr().err
    assert "IN ROLE mnemon_worker" in told
    assert "DATABASE_WORKER_URL" in told
    monkeypatch.setenv("DATABASE_WORKER_URL", server.url(WORKER))
    assert main(["worker", "--once", "--no-schedules", "--queue", "of-nobody"]) == 0
    monkeypatch.setenv("DATABASE_URL", server.url(WORKER))
    assert main(["list"]) != 0
    assert "IN ROLE mnemon_app" in capsys.readouterr().err


def test_another_organisation_sees_no_job(cli: Cli, queue: Any) -> None:
    async def enqueue(ctx: Context) -> str:
        return str((await service.enqueue(ctx, Enqueue(kind="nobody.knows"))).id)

    job = queue(enqueue)
    for command in ("show", "cancel", "retry"):
        assert cli("jobs", command, job, organization="somebody-else").code == 3
    assert cli("jobs", "cancel", job).code == 0


@pytest.mark.parametrize("one", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_it_is_told_to_stop(home: Path, slug: str, one: signal.Signals) -> None:
    command = [*MNEMON, "--data-dir", str(home), "-o", slug, "worker", "--no-schedules"]
    command += ["--queue", "of-nobody"]  # other tests' jobs are in the same installation
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ))
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Worker ")
        process.send_signal(one)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert out.decode().strip() == "Nothing was due."
    assert not err


def test_schedules_of_the_installation_are_made(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMON_EXACT_SEARCH_LIMIT", "1000000")  # what other tests imported is not to be indexed here
    from mnemon.doors.worker.tasks import SCHEDULES

    async def names() -> set[str]:
        from mnemon.core.principal import INSTALLATION, Principal

        async with AsyncMemory(data_dir=home) as memory:
            await memory.open()
            ctx = context_of(memory).as_principal(Principal(INSTALLATION))
            return {one.name for one in (await service.list_schedules(ctx, PageRequest())).items}

    done = cli("worker", "--once", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["dead"] == 0
    assert _run(names()) == {one.name for one in SCHEDULES}
