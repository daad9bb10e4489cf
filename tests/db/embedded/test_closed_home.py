"""A HOME that this process's user may not enter, as in a container that runs as somebody else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from mnemon import MnemonError
from mnemon.app import data_dir, installation_key, start_embedded
from mnemon.core.settings import Settings

SOMEBODY = 54321


def as_somebody(home: Path, work: Callable[[], object]) -> str:
    """What the work of a child says, as a user without a name whose HOME is closed to it."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.environ["HOME"] = str(home)
            os.environ.pop("XDG_DATA_HOME", None)
            os.environ.pop("MNEMON_INSTALLATION_KEY", None)
            os.setgroups([])
            os.setgid(SOMEBODY)
            os.setuid(SOMEBODY)
            try:
                work()
                said = "nothing was refused"
            except MnemonError as error:
                said = f"{error.code} {error}"
            except BaseException as error:
                said = f"raw {error!r}"
            os.write(writer, said.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        told = file.read()
    os.waitpid(child, 0)
    return told


def test_a_home_that_may_not_be_entered_names_the_setting(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    assert platformdirs.user_data_dir("mnemon")
    said = as_somebody(home, lambda: asyncio.new_event_loop().run_until_complete(start_embedded(Settings())))
    assert said.startswith("embedded.data_dir_unreachable")
    assert "MNEMON_DATA_DIR" in said
    said = as_somebody(home, lambda: installation_key(Settings()))
    assert said.startswith("unavailable.installation_key")
    assert "MNEMON_DATA_DIR" in said
    assert str(data_dir(Settings())) == "/var/lib/mnemon/postgres"  # root's, whatever HOME says
