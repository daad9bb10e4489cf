"""Which replicas an embedded server has: a small file in its control directory, replaced whole."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.db.embedded import locks
from mnemon.db.embedded.layout import Layout
from mnemon.installation.replicas.model import Record

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FILE, _LOCK = "replicas.json", "replicas.lock"


@dataclass(frozen=True)
class ReplicaRegistry:
    """What is written down.

    Attributes:
        replicas: in the order they were added.
        promoted_to: the data directory that took this one's place; this one must not serve any more.
    """

    replicas: tuple[Record, ...] = ()
    promoted_to: Path | None = None

    def find(self, name: str) -> Record:
        """Return the replica of a name.

        Raises:
            NotFound: there is none.
        """
        for record in self.replicas:
            if record.name == name:
                return record
        raise NotFound(
            f"There is no replica {name!r}.",
            code="not_found.replica",
            hint="`mnemon ops replica list` shows those that there are.",
            name=name,
        )

    def having(self, record: Record) -> ReplicaRegistry:
        """Return the registry with a record in the place of the one of its name, or after the others."""
        if any(one.name == record.name for one in self.replicas):
            return replace(self, replicas=tuple(record if one.name == record.name else one for one in self.replicas))
        return replace(self, replicas=(*self.replicas, record))

    def without(self, name: str) -> ReplicaRegistry:
        """Return the registry without the record of a name."""
        return replace(self, replicas=tuple(one for one in self.replicas if one.name != name))


def checked_name(name: str) -> str:
    """Return a name that PostgreSQL takes for a slot and for a standby, unquoted.

    Raises:
        Invalid: it is none.
    """
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"A replica cannot be named {name[:60]!r}.",
            code="invalid.replica_name",
            hint="Use lower-case letters, digits and _, a letter first, 40 at most.",
            field="name",
        )
    return name


def load(data_dir: Path) -> ReplicaRegistry:
    """Return what is written down for a data directory; nothing, if nothing is.

    Raises:
        Invalid: the file is not one of ours.
    """
    path = Layout.of(data_dir).control / _FILE
    try:
        content = json.loads(path.read_text("utf-8"))
        records = tuple(Record(**{**entry, "directory": Path(entry["directory"])}) for entry in content["replicas"])
        promoted = content.get("promoted_to")
    except (FileNotFoundError, NotADirectoryError):
        return ReplicaRegistry()
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(
            f"{path} cannot be read as a list of replicas.",
            code="invalid.replica_registry",
            hint="Restore it from a backup, or remove it and add the replicas anew.",
            path=str(path),
        ) from error
    return ReplicaRegistry(records, Path(promoted) if promoted else None)


def save(data_dir: Path, registry: ReplicaRegistry) -> None:
    """Write it down; it is there whole or not at all."""
    control = Layout.of(data_dir).control
    content = {
        "replicas": [
            {
                "name": record.name,
                "directory": str(record.directory),
                "synchronous": record.synchronous,
                "running": record.running,
                "complete": record.complete,
            }
            for record in registry.replicas
        ],
        "promoted_to": str(registry.promoted_to) if registry.promoted_to else None,
    }
    draft = control / f"{_FILE}.draft"
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(control / _FILE)


@asynccontextmanager
async def alone(data_dir: Path, *, patience: float = 300.0) -> AsyncIterator[None]:
    """Hold the lock under which replicas are made, removed and promoted: one at a time.

    Raises:
        Conflict: somebody else has been at it for too long.
        NotFound: the data directory is not one of an embedded server that has run.
    """
    control = Layout.of(data_dir).control
    if not control.is_dir():
        raise NotFound(
            f"There is no embedded server at {data_dir}.",
            code="not_found.server",
            hint="Start one with `mnemon up`, or name the directory with --data-dir.",
            path=str(data_dir),
        )
    fd = locks.open_lock(control / _LOCK)
    try:
        deadline = time.monotonic() + patience
        while not locks.try_lock(fd):
            if time.monotonic() > deadline:
                raise Conflict(
                    "Another process is making, removing or promoting a replica.",
                    code="conflict.replicas_busy",
                    hint="Wait for its end and try again.",
                )
            await asyncio.sleep(0.02)
        yield
    finally:
        os.close(fd)
