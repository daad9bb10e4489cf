"""The verbs of the embedded server, in the process that wants a database."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from types import MappingProxyType

from mnemon.core.errors import Unavailable
from mnemon.db.embedded import directory, locks, model, processes, starting, stopping
from mnemon.db.embedded import state as states
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.keys import KeySource
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.model import Endpoint, Lease, Status
from mnemon.db.embedded.sockets import refuse_planted_socket
from mnemon.db.embedded.state import State

_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


def acquire(
    data_dir: Path,
    *,
    version: int = 18,
    start_timeout: float = 60.0,
    linger_seconds: float = 2.0,
    options: Mapping[str, str] = _NO_OPTIONS,
    key: KeySource | None = None,
    given_up: Event | None = None,
) -> Lease:
    """Hold a running server: shares the one on this directory, or makes the cluster and starts it.

    Args:
        data_dir: the cluster's directory; missing, empty, or a PostgreSQL cluster of ``version``. Run by root, it
            must be reachable for the server's account (see :mod:`mnemon.db.embedded.account`).
        version: PostgreSQL's major version, 16 or 18.
        start_timeout: seconds to wait; a server that still recovers by then goes on doing so.
        linger_seconds: how long a server that this call starts stays after the last lease.
        options: settings for a server that this call starts; a running one keeps its own.
        key: where the key of an encrypted data directory is, read only if this call starts a server; None: where the
            settings of the environment say.
        given_up: set by another thread when nobody waits for it any more; it ends then, as if its time were over.

    Raises:
        Unavailable: ``embedded.start_failed`` (with the last lines of the log), ``embedded.start_timeout``,
            ``embedded.disk_full``, ``embedded.binaries_missing``, ``embedded.unsupported_platform`` and others.
        Conflict: ``embedded.version_mismatch``, ``embedded.already_running``, ``embedded.socket_dir_refused``.
        Invalid: ``embedded.not_a_cluster``, ``embedded.data_dir_unreachable``, ``embedded.data_dir_owner``,
            ``embedded.option_refused``, ``embedded.version_unsupported`` and others about the arguments.
    """
    _require_platform()
    layout = Layout.of(data_dir)
    deadline = time.monotonic() + start_timeout
    asked = starting.StartRequest(version, linger_seconds, options, key, given_up)
    with directory.explained(layout.data_dir):
        while True:
            directory.refuse_planted(layout, server_account())
            control = layout.control
            if not control.is_dir():
                directory.check_version(layout, version, layout.cluster_version())
                directory.prepare(layout, server_account())
            fd = starting.take_lease(layout, deadline, given_up)
            if layout.control == control:
                break
            model.release(fd)  # it was encrypted meanwhile, and what is locked has another place now
        try:
            state = states.read_live(layout)
            if state is None or not starting.answers(state):
                state = starting.start(layout, asked, deadline)
            refuse_planted_socket(state.socket_dir, layout, server_account().uid)
            directory.check_version(layout, version, state.version)
        except BaseException:
            model.release(fd)
            raise
    return Lease(_endpoint(layout, state), fd)


def keep(data_dir: Path) -> None:
    """Let the running server stay when the last lease is gone, until :func:`unkeep` or :func:`stop`.

    The mark outlives a crash and a restart of the machine: the next :func:`acquire` starts a server that stays.

    Raises:
        Unavailable: ``embedded.not_running``.
    """
    _require_platform()
    layout = Layout.of(data_dir)
    if layout.control.is_dir():
        directory.refuse_planted(layout, server_account())
        with directory.explained(layout.data_dir), stopping.momentary_lease(layout):
            if states.read_live(layout) is not None:
                layout.keep.write_bytes(os.fsencode(layout.data_dir))
                return
    raise Unavailable(
        f"No server runs on {layout.data_dir}.",
        code="embedded.not_running",
        hint="Start it first (mnemon up).",
        path=str(layout.data_dir),
    )


def unkeep(data_dir: Path) -> None:
    """Let the server stop again when nobody holds a lease; does nothing if it was not kept."""
    _require_platform()
    layout = Layout.of(data_dir)
    with directory.explained(layout.data_dir):
        layout.keep.unlink(missing_ok=True)


def stop(data_dir: Path, *, timeout: float = 30.0) -> bool:
    """Stop the server, whoever uses it, and forget that it was kept; whether one was running.

    Open transactions are rolled back and connections closed; nothing committed is lost.

    Args:
        data_dir: the cluster's directory.
        timeout: seconds to wait; a server that still writes its last checkpoint by then goes on stopping.

    Raises:
        Unavailable: ``embedded.stop_timeout``.
        Conflict: ``embedded.already_running`` if a server that is not ours runs there; it is left alone.
    """
    _require_platform()
    layout = Layout.of(data_dir)
    if not layout.control.is_dir():
        return False
    directory.refuse_planted(layout, server_account())
    unkeep(data_dir)
    deadline = time.monotonic() + timeout
    was_told = False
    last: State | None = None
    with directory.explained(layout.data_dir):
        while (state := states.read_live(layout)) is not None:
            if not was_told and state.supervisor_pid:
                was_told = stopping.tell_to_stop(state)
            if time.monotonic() > deadline:
                raise stopping.still_stopping(layout, timeout)
            last = state
            time.sleep(locks.STEP)
        stopping.await_exit(last)
        return stopping.stop_orphan(layout, deadline, timeout) or last is not None


def status(data_dir: Path) -> Status:
    """Return what is known about a data directory's server; starts nothing and changes nothing."""
    from datetime import UTC, datetime

    _require_platform()
    layout = Layout.of(data_dir)
    with directory.explained(layout.data_dir):
        live = states.read_live(layout) if layout.control.is_dir() else None
        last = live or states.read(layout)
        ready = live if live is not None and starting.answers(live) else None
        failed = live is None and last is not None and last.phase == "failed"
        return Status(
            running=ready is not None,
            phase=live.phase if live else "failed" if failed else "stopped",
            data_dir=layout.data_dir,
            version=layout.cluster_version(),
            endpoint=_endpoint(layout, ready) if ready else None,
            supervisor_pid=live.supervisor_pid or None if live else None,
            postmaster_pid=ready.postmaster_pid if ready else None,
            started_at=datetime.fromtimestamp(ready.ready_at, UTC) if ready else None,
            kept=layout.is_kept(),
            clients=processes.lease_holders(layout.lease),
            size_bytes=_size(layout.cipher if layout.is_encrypted else layout.data_dir),
            error=str(last.failure()) if failed and last else None,
            encrypted=layout.is_encrypted,
        )


def default_data_dir() -> Path:
    """Return ``/var/lib/mnemon/postgres`` for root; for others ``postgres`` in the platform's place for user data."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/mnemon/postgres")
    import platformdirs

    return Path(platformdirs.user_data_dir("mnemon", appauthor=False)) / "postgres"


def _endpoint(layout: Layout, state: State) -> Endpoint:
    return Endpoint(Path(state.socket_dir), state.port, layout.data_dir, state.version)


def _require_platform() -> None:
    if os.name != "posix":
        raise Unavailable(
            "The embedded server does not run on this platform.",
            code="embedded.unsupported_platform",
            hint="Use a PostgreSQL server of your own (MNEMON_DATABASE_URL), or run under WSL or a container.",
            platform=sys.platform,
        )


def _size(directory_: Path) -> int:
    """Return bytes of the files below a directory; a running server's files may vanish meanwhile."""
    return sum(starting.file_size(Path(place, name)) for place, _, names in os.walk(directory_) for name in names)
