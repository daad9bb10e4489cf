"""What the verbs of the embedded server take and give."""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from mnemon.core import forks
from mnemon.db.embedded import locks

if TYPE_CHECKING:
    from datetime import datetime

ADMIN_ROLE = "mnemon_admin"
"""The superuser that initdb makes; the migrations connect as it and make every other role."""

Phase = Literal["stopped", "starting", "ready", "restarting", "stopping", "failed"]


@dataclass(frozen=True)
class Endpoint:
    """Where a running server is reached.

    Attributes:
        socket_dir: the private directory of its Unix socket.
        port: the number in the socket's name; no TCP port is open.
        data_dir: the cluster.
        version: PostgreSQL's major version.
    """

    socket_dir: Path
    port: int
    data_dir: Path
    version: int

    def url(self, role: str, database: str = "mnemon", driver: str = "postgresql+asyncpg") -> str:
        """Return the URL for SQLAlchemy (or libpq, with ``driver="postgresql"``); it needs no password."""
        where = f"host={quote(str(self.socket_dir), safe='/')}&port={self.port}"
        return f"{driver}://{quote(role, safe='')}@/{quote(database, safe='')}?{where}"


@dataclass(frozen=True)
class Status:
    """What is known about the server of a data directory.

    Attributes:
        running: it accepts connections.
        phase: what the supervisor is doing; ``failed`` when the last one gave up.
        data_dir: the cluster.
        version: the cluster's major version, None before there is a cluster.
        endpoint: where to connect, None unless running.
        supervisor_pid: None unless there is a supervisor.
        postmaster_pid: None unless running.
        started_at: when the server last became ready, None unless running.
        kept: it stays without clients.
        clients: pids that hold a lease, each once per lease; None where the platform does not tell.
        size_bytes: the files of the data directory.
        error: why the last supervisor gave up, None unless ``failed``.
        encrypted: the data directory is a mount of ciphertext; ``size_bytes`` is then of that.
    """

    running: bool
    phase: Phase
    data_dir: Path
    version: int | None
    endpoint: Endpoint | None
    supervisor_pid: int | None
    postmaster_pid: int | None
    started_at: datetime | None
    kept: bool
    clients: tuple[int, ...] | None
    size_bytes: int
    error: str | None
    encrypted: bool = False


class Lease:
    """Keeps a server alive until :meth:`close`, the end of a ``with`` block or the death of this process.

    A lease that is merely forgotten holds on until the process ends. Child processes do not hold it, whether forked
    or executed. ``mnemon down`` stops the server in spite of leases; :func:`acquire` then starts it again.
    """

    def __init__(self, endpoint: Endpoint, fd: int) -> None:
        self.endpoint = endpoint
        self._fd: int | None = fd
        _leases.add(self)

    @property
    def closed(self) -> bool:
        """Whether it was released (or this is a forked child, which never held it)."""
        return self._fd is None

    def close(self) -> None:
        """Release it; a second call does nothing."""
        fd, self._fd = self._fd, None
        _leases.discard(self)
        if fd is not None:
            _open_fds.discard(fd)
            # Explicitly, before closing: between fork and exec a child may hold a copy of the descriptor.
            locks.unlock(fd)
            os.close(fd)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Lease {self.endpoint.data_dir} {'closed' if self.closed else 'held'}>"


_leases: weakref.WeakSet[Lease] = weakref.WeakSet()
_open_fds: set[int] = set()


def held_directories() -> frozenset[Path]:
    """Return the data directories of the servers that this process holds a lease of."""
    return frozenset(lease.endpoint.data_dir for lease in list(_leases) if not lease.closed)


def open_held(path: Path) -> int:
    """Open a lock file, and note it, so that a forked child drops its copy of it."""
    with forks.no_fork():
        fd = locks.open_lock(path)
        _open_fds.add(fd)
    return fd


def release(fd: int) -> None:
    """Forget and close a descriptor that became no lease."""
    _open_fds.discard(fd)
    locks.unlock(fd)
    os.close(fd)


def _forget_in_child() -> None:
    """Close a forked child's copies of leases: they would stay locked after the parent's death.

    Closing a copy releases nothing while the parent has its own.
    """
    for fd in _open_fds:
        os.close(fd)
    _open_fds.clear()
    for lease in list(_leases):
        lease._fd = None  # noqa: SLF001 - same module, and it must not unlock
    _leases.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
