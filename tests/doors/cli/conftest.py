"""The real command line on a real server: in this process where that says as much as in another one."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mnemon.db import embedded
from mnemon.doors.cli.main import main
from mnemon.doors.cli.state import state
from tests.conftest import Server, place
from tests.factories import new_slug
from tests.patience import PATIENCE

MNEMON = [sys.executable, "-m", "mnemon"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as one JSON document."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """Its error as JSON."""
        return json.loads(self.err)["error"]


Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def _as_everywhere(tmp_path: Path) -> Iterator[None]:
    """No .env of the working directory or of an earlier command, one time zone that has summers, no terminal."""
    with pytest.MonkeyPatch.context() as patch:
        for field in dataclasses.fields(state):
            patch.setattr(state, field.name, field.default)
        patch.chdir(tmp_path)
        patch.setenv("TZ", "Europe/Berlin")
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "MNEMON_DEBUG"):
            patch.delenv(name, raising=False)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def home(server: Server, template: str) -> Path:
    """The data directory of the run's server, where the database is at head."""
    return server.endpoint.data_dir


@pytest.fixture
def slug() -> str:
    """An organisation that nobody has used."""
    return new_slug()


@pytest.fixture
def cli(home: Path, slug: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command for a fresh organisation, in this process."""

    def run(*arguments: str | Path, stdin: bytes | None = None, organization: str = slug) -> Result:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capfd.readouterr()
        code = main(["--data-dir", str(home), "-o", organization, *map(str, arguments)])
        sys.stdout.flush()
        sys.stderr.flush()
        told = capfd.readouterr()
        return Result(code, told.out, told.err)

    return run


@pytest.fixture
def process(home: Path, slug: str) -> Cli:
    """Runs a command in a process of its own."""

    def run(*arguments: str | Path, data_dir: Path = home, **environment: str) -> Result:
        command = [*MNEMON, "--data-dir", str(data_dir), "-o", slug, *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, **environment}, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Path]:
    """A data directory that is not there yet, for what starts and stops servers."""
    path = place()
    yield path / "data"
    embedded.stop(path / "data")
    shutil.rmtree(path)


_FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def jsonl(path: Path, lines: int, *, broken_every: int = 0) -> Path:
    """A file of conversations; every so often a line that is no JSON."""
    with path.open("w") as file:
        for number in range(1, lines + 1):
            if broken_every and number % broken_every == 0:
                file.write('{"text": \n')
                continue
            said = {
                "id": f"line-{number}",
                "conversation": f"talk-{number // 500}",
                "speaker": ("Ana", "Ben")[number % 2],
                "at": (_FIRST + timedelta(minutes=number)).isoformat(),
                "text": f"Line {number} is about topic {number % 97}.",
            }
            file.write(json.dumps(said) + "\n")
    return path
