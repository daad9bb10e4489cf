"""What the options for every command said."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mnemon.core.settings import Settings

T = TypeVar("T")


@dataclass(slots=True)
class CommandOptions:
    """The options that hold for every command, and the zone that times are shown in once it is known."""

    organization: str | None = None
    data_dir: Path | None = None
    env_file: Path | None = None
    json: bool = False
    quiet: bool = False
    debug: bool = False
    zone: tzinfo | None = None


state = CommandOptions()
"""Those of this process: one command runs in it."""


def settings(**overrides: Any) -> Settings:
    """Return the settings of the environment, with what the command line says instead.

    A data directory on the command line means the embedded server, also where the environment names another.
    """
    from mnemon.core.settings import load_settings

    overridden: dict[str, Any] = {}
    if state.organization is not None:
        overridden["organization"] = state.organization
    if state.data_dir is not None:
        overridden |= {
            "data_dir": state.data_dir,
            "database_url": None,
            "database_worker_url": None,
            "database_owner_url": None,
        }
    return load_settings(env_file=state.env_file, **{**overridden, **overrides})


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run something that needs no memory."""
    import asyncio

    return asyncio.run(work)
