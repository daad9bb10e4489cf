"""up, down, status, db, doctor, and the tour on a directory where nothing is yet."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from mnemon.db import embedded
from mnemon.doors.cli.main import main
from mnemon.migrations import runner
from tests.conftest import APP, Server
from tests.patience import PATIENCE

from .conftest import MNEMON, Cli


def test_tour_without_a_terminal_then_again(elsewhere: Path, process: Cli) -> None:
    first = process("tour", data_dir=elsewhere)
    assert first.code == 0, first.err
    for words in ("449 things", "? Where does Tomasz live?", "Aarhus", "said by Tomasz", "█", "84,000", "71,500"):
        assert words in first.out
    assert "mnemon import YOURFILE" in first.out
    assert "went into" in first.out
    again = process("tour", "--questions", "1", "--no-color", data_dir=elsewhere)
    assert again.code == 0
    assert "are already in" in again.out
    assert "\x1b" not in again.out
    told = json.loads(process("tour", "--json", data_dir=elsewhere).out)
    assert told["import"]["imported"] == 0
    assert len(told["answers"]) == 4


def test_tour_keeps_out_of_the_users_own_memory(elsewhere: Path, process: Cli) -> None:
    found = process("search", "buoys", data_dir=elsewhere)
    assert "Nothing is remembered" in found.out


def test_tour_on_a_terminal_answers_a_question_of_ones_own(home: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*MNEMON, "--data-dir", str(home), "tour", "--questions", "1"]
    visitor = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}, close_fds=True
    )
    os.close(theirs)
    seen = _until(ours, "Now you")
    os.write(ours, b"Which nuts is Leila allergic to?\n")
    seen += _until(ours, "hazelnuts")
    os.write(ours, b"\n")
    seen += _until(ours, "All this took")
    assert visitor.wait(PATIENCE) == 0
    os.close(ours)
    assert "Next" in seen
    assert "Traceback" not in seen


def _until(terminal: int, words: str, seconds: float = PATIENCE) -> str:
    seen = ""
    deadline = time.monotonic() + seconds
    while words not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                seen += os.read(terminal, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
    assert words in seen, seen
    return seen


def test_up_keeps_a_server_that_psql_reaches_and_down_stops_it(
    elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    where = ["--data-dir", str(elsewhere)]
    assert main([*where, "up"]) == 0
    told = capfd.readouterr().out.splitlines()
    assert str(elsewhere) in told[0]
    query = f"{told[1]} -Atc 'SELECT version_num FROM alembic_version'"
    answer = subprocess.run(query, shell=True, check=True, capture_output=True, text=True)  # noqa: S602 - as a user would
    assert answer.stdout.strip() == runner.head()

    assert main([*where, "status", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["running"], found["kept"], found["version"]) == (True, True, 18)
    assert found["revision"] == runner.head()
    assert found["size_bytes"] > 10_000_000
    assert main([*where, "status"]) == 0
    assert "yes" in capfd.readouterr().out

    assert main([*where, "down"]) == 0
    assert capfd.readouterr().out == "Stopped.\n"
    assert not embedded.status(elsewhere).running
    assert main([*where, "down"]) == 0
    assert "No server was running" in capfd.readouterr().out
    assert main([*where, "status", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["running"] is False


async def test_doctor_finds_nothing_to_do(
    server: Server,
    make_database: Any,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    name = await make_database()  # other tests leave in theirs what a doctor must find
    monkeypatch.setenv("MNEMON_AUDIT_ANCHORS", str(tmp_path / "anchors.jsonl"))  # and in their anchors
    monkeypatch.setenv("DATABASE_URL", server.url(APP, name))
    monkeypatch.setenv("DATABASE_OWNER_URL", server.url(database=name))
    assert await asyncio.to_thread(main, ["doctor"]) == 0
    assert "Nothing must be done." in capfd.readouterr().out
    assert await asyncio.to_thread(main, ["doctor", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["ok"]
    assert {tuple(finding) for finding in found["findings"]} == {("subject", "what", "level", "found", "do")}
    looked_at = {finding["what"] for finding in found["findings"]}
    assert looked_at >= {"embedder", "PostgreSQL", "pgvector", "role", "text search", "schema", "vector index", "clock"}
    assert looked_at >= {"policies", "partitions", "audit chain", "jobs", "transactions", "replication", "backups"}


def test_doctor_says_what_to_do(
    server: Server, template: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", server.url().replace("+asyncpg", ""))
    assert main(["doctor", "--json"]) == 1
    findings = {finding["what"]: finding for finding in json.loads(capfd.readouterr().out)["findings"]}
    assert findings["role"]["level"] == "wrong"
    assert "IN ROLE mnemon_app" in findings["role"]["do"]
    assert findings["schema"]["level"] == "ok"
    assert main(["list"]) == 5
    assert main(["status", "--json"]) == 0
    assert '"role": "mnemon_admin"' in capfd.readouterr().out


def test_doctor_of_a_place_where_nothing_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(tmp_path / "none"), "doctor"]) == 0
    assert "none yet" in capfd.readouterr().out
    assert not (tmp_path / "none").exists()
    assert main(["--data-dir", str(tmp_path / "none"), "db", "check"]) == 2


def test_db_check_of_the_embedded_database(cli: Cli) -> None:
    told = cli("db", "check")
    assert told.code == 0, told.out
    assert cli("db", "check", "--json").json["differences"] == []


def test_a_schema_on_a_server_of_ones_own(
    server: Server, template: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "cli_own"
    psql = [str(embedded.binaries(18) / "psql"), "-h", str(server.endpoint.socket_dir), "-U", "mnemon_admin"]
    psql += ["-p", str(server.endpoint.port)]
    subprocess.run([*psql, "-qc", f"CREATE DATABASE {name}", "postgres"], check=True)
    try:
        monkeypatch.setenv("DATABASE_OWNER_URL", server.url(database=name))
        assert main(["db", "check"]) == 1
        assert "no schema yet" in capfd.readouterr().out
        assert main(["db", "upgrade"]) == 0
        told = capfd.readouterr().out
        assert f"revision {runner.head()}" in told
        assert "IN ROLE mnemon_app" in told
        assert main(["db", "upgrade", "--json"]) == 0
        assert json.loads(capfd.readouterr().out) == {"revision": runner.head()}

        subprocess.run([*psql, "-qc", "ALTER TABLE memories ADD COLUMN stray int", name], check=True)
        assert main(["db", "check"]) == 1
        assert "stray" in capfd.readouterr().out

        assert main(["db", "downgrade", "base"]) == 2
        assert "--yes" in capfd.readouterr().err
        assert main(["db", "downgrade", "base", "--yes"]) == 0
        assert "revision base" in capfd.readouterr().out
        assert main(["db", "check"]) == 1
        assert main(["db", "downgrade", "nonsense", "--yes"]) == 2
        assert main(["db", "upgrade", "--revision", "nonsense"]) == 2
    finally:
        subprocess.run([*psql, "-qc", f"DROP DATABASE {name} WITH (FORCE)", "postgres"], check=True)
