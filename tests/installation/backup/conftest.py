from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from mnemon import AsyncMemory, Settings
from mnemon.db import embedded
from tests.conftest import place

from .support import Site, new_key, tell_story


@pytest.fixture(scope="package")
def home() -> Iterator[Path]:
    """A short directory that the server's account can reach; every server in it is stopped at the end."""
    path = place()
    yield path
    for one in path.iterdir():
        if (one / "PG_VERSION").exists():
            embedded.stop(one)
    shutil.rmtree(path)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def site(home: Path) -> AsyncIterator[Site]:
    """A server with a story: see tell_story. Tests restore from its backups, and damage copies of them."""
    settings = Settings(
        data_dir=home / "data", backup_dir=home / "backups", backup_key=new_key(), auto_maintenance=False
    )
    async with AsyncMemory(settings) as memory:
        made = Site(home, settings, memory)
        await tell_story(made)
        yield made


@pytest.fixture
def into(home: Path) -> Iterator[Path]:
    """A directory for a restore; it is not there yet."""
    path = home / "restored"
    yield path
    embedded.stop(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def spare(home: Path) -> Iterator[Path]:
    """A directory for a copy of the backups; it is not there yet."""
    path = home / "spare"
    yield path
    shutil.rmtree(path, ignore_errors=True)
