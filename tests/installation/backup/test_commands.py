"""`mnemon backup` as it is typed: output, exit codes, alarms; and no key where others could read it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mnemon.doors.cli.main import main
from mnemon.installation.backup import alerts
from tests.patience import PATIENCE

from .support import Site, changed, new_key, store_of

MNEMON = [sys.executable, "-m", "mnemon", "backup"]


Run = Callable[..., "Done"]


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def mnemon(site: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process, with the environment of the site and what is given beside it."""

    def run(*arguments: str, **environment: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in site.environment(**environment).items():
                patch.setenv(name, value)
            capfd.readouterr()
            code = main(["backup", *arguments])
            sys.stdout.flush()
            sys.stderr.flush()
        told = capfd.readouterr()
        return Done(code, told.out, told.err)

    return run


def limited(site: Site, *arguments: str, limit: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own that may write files up to a size, in bytes."""
    command = ["/bin/sh", "-c", f'ulimit -f {limit // 512}; exec "$@"', "sh", *MNEMON, *arguments]
    return subprocess.run(
        command, env=site.environment(**environment), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def watched(site: Site, *arguments: str, **environment: str) -> set[str]:
    """The command in a process of its own, which succeeds; the arguments of all that it started."""
    process = subprocess.Popen([*MNEMON, *arguments], env=site.environment(**environment), stdout=subprocess.DEVNULL)
    seen: set[str] = set()
    while process.poll() is None:
        time.sleep(0.02)
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if "pg_basebackup" in line or "mnemon backup" in line:
                    seen.add(line)
    assert process.returncode == 0
    return seen


@pytest.fixture
def posted() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address, and what was posted to it."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_the_commands_say(site: Site, mnemon: Run) -> None:
    done = mnemon("incremental")
    assert done.code == 0, done.err
    assert "-incremental: " in done.out
    assert "The archive goes to " in done.out
    listed = json.loads(mnemon("list", "--json").out)
    assert [one["kind"] for one in listed["backups"]][:2] == ["full", "incremental"]
    assert listed["gaps"] == []
    assert "after-four" in listed["points"]
    assert site.backups["full"].id in mnemon("list").out
    assert mnemon("prune", "--quiet").out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("restore", "--into", "{new}", "--to", "yesterday"), 2, "no moment"),
        (("restore", "--into", "{data}"), 4, "A server runs on"),
        (("restore", "--into", "{new}", "--from", "nothing"), 3, "no backup 'nothing'"),
        (("mark", "after-four"), 2, "already"),
        (("mark", "../x"), 2, "A name has"),
        (("restore",), 2, "--into"),
    ],
)
def test_what_they_refuse(
    site: Site, mnemon: Run, home: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    given = [one.format(new=home / "new", data=site.data_dir) for one in arguments]
    done = mnemon(*given)
    assert done.code == code, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert not (home / "new").exists()


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"MNEMON_BACKUP_KEY": ""}, 2, "No key for backups is set"),
        ({"MNEMON_BACKUP_KEY_FILE": "/dev/null"}, 2, "More than one place"),
        ({"MNEMON_BACKUP_KEY": "", "MNEMON_BACKUP_KEY_FILE": "/nowhere/key"}, 2, "No such file"),
        ({"MNEMON_BACKUP_KEY": "", "MNEMON_BACKUP_KEY_FILE": "/dev/null"}, 2, "32 random bytes"),
        ({"MNEMON_BACKUP_KEY": "", "MNEMON_BACKUP_KEY_COMMAND": "false"}, 2, "it ended with 1"),
        ({"MNEMON_BACKUP_KEY": "", "MNEMON_BACKUP_KEY_COMMAND": "no-such-program-here"}, 2, "is not found"),
        ({"MNEMON_BACKUP_DIR": ""}, 2, "No directory"),
        ({"MNEMON_BACKUP_DIR": "/dev/null"}, 2, "cannot be used"),
    ],
)
def test_settings_that_are_missing_or_wrong(mnemon: Run, changes: dict[str, str], code: int, words: str) -> None:
    done = mnemon("list", **changes)
    assert (done.code, words in done.err) == (code, True), done.err


def test_the_key_comes_from_a_file_or_a_program_as_well(site: Site, mnemon: Run, home: Path) -> None:
    key = site.environment()["MNEMON_BACKUP_KEY"]
    (home / "key").write_text(f"{key}\n")
    (home / "key").chmod(0o644)
    refused = mnemon("list", MNEMON_BACKUP_KEY="", MNEMON_BACKUP_KEY_FILE=str(home / "key"))
    assert refused.code == 2
    assert "Everybody on this machine" in refused.err
    (home / "key").chmod(0o600)
    for name, value in (("FILE", str(home / "key")), ("COMMAND", f"cat {home / 'key'}")):
        done = mnemon("list", "--json", MNEMON_BACKUP_KEY="", **{f"MNEMON_BACKUP_KEY_{name}": value})
        assert done.code == 0, done.err
        assert json.loads(done.out)["backups"]


def test_a_full_disk_fails_tells_everybody_and_leaves_nothing(
    site: Site, mnemon: Run, spare: Path, home: Path, posted: tuple[str, list[dict[str, Any]]]
) -> None:
    told = home / "told"
    script = home / "tell"
    script.write_text(f'#!/bin/sh\ncat > "{told}"\n')
    script.chmod(0o700)
    alarm = {"MNEMON_BACKUP_ALERT_COMMAND": str(script), "MNEMON_BACKUP_ALERT_URL": posted[0]}
    failed = limited(site, "full", "--json", limit=1_000_000, MNEMON_BACKUP_DIR=str(spare), **alarm)
    assert failed.returncode == 7, failed.stderr
    assert json.loads(failed.stderr)["error"]["code"] == "backup.storage_full"
    settings = changed(site.settings, backup_dir=spare)
    assert not list(store_of(settings).backups.iterdir())
    assert not list(spare.rglob(".new-*"))
    alert = json.loads(told.read_text())
    assert posted[1] == [alert]
    assert (alert["event"], alert["what"], alert["code"]) == ("backup.failed", "full", "backup.storage_full")
    assert site.environment()["MNEMON_BACKUP_KEY"] not in told.read_text()
    assert set(alerts.failures(settings)) == {"full"}
    # The next one that succeeds takes the alarm back.
    seen = watched(site, "full", MNEMON_BACKUP_DIR=str(spare))
    assert alerts.failures(settings) == {}
    assert any("pg_basebackup" in line for line in seen) or not Path("/proc/self").exists()
    assert not any(site.environment()["MNEMON_BACKUP_KEY"] in line for line in seen), "arguments are for all to read"
    assert mnemon("disable", MNEMON_BACKUP_DIR=str(spare)).code == 0


def test_a_failure_is_in_the_error_log(site: Site, mnemon: Run) -> None:
    done = mnemon("incremental", MNEMON_BACKUP_KEY=new_key())
    assert done.code == 7

    async def last() -> Any:
        connection = await site.connect()
        try:
            return await connection.fetchrow(
                "SELECT * FROM error_logs WHERE component = 'backup' ORDER BY timestamp DESC LIMIT 1"
            )
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        row = runner.run(last())
    assert (row["kind"], row["code"], row["level"]) == ("backup", "backup.key_missing", "critical")
    assert mnemon("incremental").code == 0


def test_an_alarm_that_cannot_be_given_hides_nothing(mnemon: Run) -> None:
    nowhere = {"MNEMON_BACKUP_ALERT_COMMAND": "/nowhere/tell", "MNEMON_BACKUP_ALERT_URL": "http://127.0.0.1:9/token"}
    done = mnemon("wal", MNEMON_BACKUP_KEY=new_key(), **nowhere)
    assert done.code == 7
    assert "which is not here" in done.err
    assert "token" not in done.err
    assert mnemon("wal").code == 0
