"""Exit codes, secrets, pipes, encodings: what holds for every command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mnemon.core import errors as kinds
from mnemon.doors.cli import errors
from mnemon.doors.cli.main import main
from mnemon.doors.cli.state import state
from tests.patience import PATIENCE

from .conftest import MNEMON, Cli


def test_every_kind_of_error_has_an_exit_code() -> None:
    found = {kind.kind for kind in kinds.MnemonError.__subclasses__()}
    assert found == set(errors.EXIT_CODES)
    assert len(set(errors.EXIT_CODES.values())) == len(found)


def test_the_unexpected_shows_neither_traceback_nor_text(capfd: pytest.CaptureFixture[str]) -> None:
    state.json = state.debug = False
    assert errors.report(RuntimeError("password=hunter2")) == 70
    told = capfd.readouterr().err
    assert "hunter2" not in told
    assert "RuntimeError" in told
    assert "--debug" in told


def test_debug_shows_where(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MNEMON_DEBUG", "1")
    assert main(["--data-dir", str(tmp_path / "none"), "db", "check"]) == 2
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:hunter2@127.0.0.1:1/db",
        "mysql://app:hunter2@host/db",
        "postgresql://app:hunter2@127.0.0.1:notaport/db",
    ],
)
def test_a_database_that_cannot_be_reached_keeps_its_password(
    url: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    for command in (["list"], ["status"], ["db", "check"], ["doctor"], ["doctor", "--json"]):
        code = main(command)
        told = capfd.readouterr()
        assert code in {1, 2, 7}, (command, told.err)
        assert "hunter2" not in told.out + told.err
        assert "Traceback" not in told.err


def test_no_arguments_show_the_help(capfd: pytest.CaptureFixture[str]) -> None:
    for arguments, command in (([], "tour"), (["db"], "downgrade")):
        assert main(arguments) == 2
        told = capfd.readouterr()
        assert command in told.out
        assert told.err == ""


@pytest.mark.parametrize("arguments", [["--version"], ["-V"], ["--no-color", "--version"]])
def test_version(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    from mnemon import __version__

    assert main(arguments) == 0
    assert capfd.readouterr().out == f"mnemon {__version__}\n"


def test_help_and_version_load_nothing_heavy() -> None:
    """What makes `mnemon --help` slow is what it imports; a clock would measure the machine's other programs."""
    heavy = ("pydantic", "sqlalchemy", "asyncpg", "numpy", "alembic", "httpx", "cryptography")
    for arguments in (["--help"], ["--version"]):
        code = (
            f"import sys; from mnemon.doors.cli.main import main; main({arguments!r})\n"
            f"print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert not done.stderr.split(), "import these inside the commands' functions"


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    command = [*MNEMON, "--data-dir", str(home), "-o", "harbour-tour", "tour", "--json"]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    told = writer.stderr.read().decode()
    assert writer.wait(PATIENCE) == 141
    assert told == ""


def test_a_terminal_without_utf_8_gets_the_nearest_characters(cli: Cli, process: Cli) -> None:
    cli("remember", "Grüße – “from” Łódź … █", "--user", "ada")
    told = process("search", "from", PYTHONIOENCODING="ascii")
    assert told.code == 0, told.err
    assert told.out.isascii()
    assert '"from"' in told.out
    assert "#" in told.out
