"""What an earlier server left on a data directory: a living orphan, dying processes, a stale pid file."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from mnemon.core.errors import Conflict
from mnemon.db.embedded import locks, processes
from mnemon.db.embedded.layout import Layout

_FAST, _IMMEDIATE = 60.0, 20.0  # seconds for a fast, and then an immediate shutdown of an orphan


def settle(layout: Layout, socket_dir: Path, pause: Callable[[float], None]) -> int:
    """Make sure that no PostgreSQL runs on the directory, and return the locked descriptor that proves it.

    The descriptor of ``cluster.lock`` is to be inherited by the next server and then closed here. A server of ours
    that outlived its supervisor is stopped, gently first; it is known by that lock or by its socket's place. The
    caller holds the supervisor's lock. ``pause`` sleeps some seconds and may raise to give up.

    Raises:
        Conflict: ``embedded.already_running`` if a server that is not ours runs there, or ours does not end.
    """
    guard = locks.open_lock(layout.cluster_lock)
    try:
        _outwait(layout, socket_dir, guard, pause)
        _remove_false_pid_file(layout)
    except BaseException:
        os.close(guard)
        raise
    return guard


def _outwait(layout: Layout, socket_dir: Path, guard: int, pause: Callable[[float], None]) -> None:
    """Stop what runs and wait for its end; returns with ``guard`` locked."""
    began = time.monotonic()
    sent: list[signal.Signals] = []
    while True:
        pid_file = processes.PidFile.read(layout.data_dir)
        pid = pid_file.pid if pid_file and processes.is_postgres_on(pid_file.pid, layout.data_dir) else None
        free = locks.try_lock(guard)
        if free and pid is None:
            return
        waited = time.monotonic() - began
        foreign = free and pid_file is not None and pid_file.socket_dir != str(socket_dir)
        if foreign or waited > _FAST + _IMMEDIATE:
            raise _running(layout, pid)
        number = signal.SIGINT if waited < _FAST else signal.SIGQUIT
        if pid is not None and number not in sent:
            _signal(pid, number, layout)
            sent.append(number)
        pause(0.01)


def _signal(pid: int, number: signal.Signals, layout: Layout) -> None:
    processes.signal_if(pid, number, lambda: processes.is_postgres_on(pid, layout.data_dir))


def _remove_false_pid_file(layout: Layout) -> None:
    """Remove a pid file whose number belongs to an unrelated process now: PostgreSQL would take it for a server.

    A file whose process is gone stays, because PostgreSQL checks the shared memory it names before it replaces it.
    """
    found = processes.PidFile.read(layout.data_dir)
    if found is not None and processes.exists(found.pid):
        (layout.data_dir / "postmaster.pid").unlink(missing_ok=True)


def _running(layout: Layout, pid: int | None) -> Conflict:
    return Conflict(
        f"Another PostgreSQL runs on {layout.data_dir}" + (f" (process {pid})." if pid else "."),
        code="embedded.already_running",
        hint="Stop it first, or connect to it by its URL.",
        path=str(layout.data_dir),
        pid=pid,
    )
