"""A directory commands nobody who works in it; a file of settings counts where it is named."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE

from .conftest import Cli


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, in a directory, without the variables of whoever runs the tests."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MNEMON_")}
    code = "import sys; from mnemon.doors.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=plain | environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize("arguments", [["status"], ["list"], ["up"], ["doctor"], ["backup", "list"]])
def test_a_directory_that_was_prepared_runs_nothing(tmp_path: Path, arguments: list[str]) -> None:
    """The attack: a .env beside an encrypted data directory, with the command that is to give its key."""
    mark = tmp_path / "ran"
    evil = tmp_path / "evil"
    (evil / "data.encrypted" / "cipher").mkdir(parents=True)
    (evil / "data.encrypted" / "PG_VERSION").write_text("18\n")
    (evil / "key").write_text(f"#!/bin/sh\ntouch {mark}\necho {base64.b64encode(bytes(32)).decode()}\n")
    (evil / "key").chmod(0o755)
    for name in (".env", "mnemon.env", "env"):
        (evil / name).write_text(
            f"MNEMON_DATA_DIR={evil}/data\nMNEMON_ENCRYPTION_KEY_COMMAND={evil}/key\nMNEMON_BACKUP_DIR={evil}/b\n"
            f"MNEMON_BACKUP_KEY_COMMAND={evil}/key\nMNEMON_BACKUP_ALERT_COMMAND={evil}/key\n"
        )
    home = tmp_path / "home"
    home.mkdir()
    # A database that does not answer, so that no server is started for a command that would need one.
    run(
        *arguments, cwd=evil, HOME=str(home), MNEMON_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
        MNEMON_DATABASE_CONNECT_TIMEOUT="1",
    )  # fmt: skip
    assert not mark.exists()
    named = run(*arguments, "--env-file", ".env", cwd=evil, HOME=str(home))
    assert named.returncode != 0
    assert "is not taken from a file" in " ".join((named.stdout + named.stderr).split())
    assert not mark.exists()


def test_a_file_that_is_named_counts(cli: Cli, home: Path, tmp_path: Path, slug: str) -> None:
    path = tmp_path / "mine.env"
    path.write_text(f"MNEMON_ORGANIZATION={slug}\nMNEMON_DATA_DIR={home}\nMNEMON_AUTO_MAINTENANCE=false\n")
    path.chmod(0o600)
    done = cli("remember", "The boat is blue.", "--env-file", str(path))
    assert done.code == 0, done.err
    assert "The boat is blue." in cli("list", f"--env-file={path}").out
    path.chmod(0o666)
    refused = cli("--json", "--env-file", str(path), "list")
    error: dict[str, Any] = json.loads(refused.err)["error"]
    assert (refused.code != 0, error["code"]) == (True, "invalid.env_file")
    assert "chmod go-w" in error["hint"]
