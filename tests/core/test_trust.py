"""Nothing that others could have put somewhere is run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mnemon.core import trust
from mnemon.core.errors import Invalid, MnemonError
from mnemon.db.embedded import KeySource


def program(path: Path, marks: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {marks}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a program in it; the mark that it leaves when it is run."""
    mark = tmp_path / "ran"
    here = tmp_path / "here"
    program(here / "secret-key", mark)
    program(here / "gocryptfs", mark)
    monkeypatch.chdir(here)
    return mark


@pytest.mark.parametrize("before", [".", "", "here", "./"])
def test_the_working_directory_is_no_place_for_programs(
    planted: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    monkeypatch.setenv("PATH", f"{before}{os.pathsep}{os.environ['PATH']}")
    assert trust.find_program("secret-key") is None
    assert all(Path(one).is_absolute() for one in trust.search_path().split(os.pathsep))
    for command in ("secret-key", "./secret-key", "../here/secret-key a b", "", "'"):
        with pytest.raises(Invalid) as caught:
            trust.command_words(command, "MNEMON_BACKUP_KEY_COMMAND")
        assert caught.value.code == "invalid.command"
        with pytest.raises(MnemonError) as refused:
            KeySource(command=command).read()
        assert refused.value.code == "embedded.key_unreadable"
    assert not planted.exists()


@pytest.mark.parametrize("how", ["open", "sticky", "another's"])
def test_a_directory_that_others_may_write_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "another's" and os.geteuid() != 0:
        pytest.skip("only root gives directories away")
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for place in (mine, theirs):
        program(place / "secret-key", tmp_path / "ran")
        place.chmod(0o755)
    if how == "another's":
        os.chown(theirs, 65534, 65534)
    else:
        theirs.chmod(0o1777 if how == "sticky" else 0o777)
    monkeypatch.setenv("PATH", f"{theirs}{os.pathsep}{mine}")
    assert trust.find_program("secret-key") == str(mine / "secret-key")
    assert trust.command_words("secret-key --now 'a b'", "X") == [str(mine / "secret-key"), "--now", "a b"]
    monkeypatch.setenv("PATH", str(theirs))
    assert trust.find_program("secret-key") is None


def test_the_programs_of_the_system_are_found_whatever_path_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert trust.find_program("sh")
    assert trust.command_words("sh -c 'exit 0'", "X")[1:] == ["-c", "exit 0"]
