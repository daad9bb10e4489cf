"""Stop an embedded server: the client's side, also when its supervisor is dead."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mnemon.core.errors import MnemonError, Unavailable
from mnemon.db.embedded import locks, processes, vault
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.sockets import socket_dir_of
from mnemon.db.embedded.state import State


def tell_to_stop(found: State) -> bool:
    """Signal the supervisor that it should stop; whether it was there to be told."""
    pid = found.supervisor_pid
    return processes.signal_if(pid, signal.SIGTERM, lambda: found.is_by(pid))


def await_exit(found: State | None) -> None:
    """Wait until the supervisor is gone: it releases its locks a moment before its files are closed."""
    deadline = time.monotonic() + 1.0
    while found is not None and found.is_by(found.supervisor_pid) and time.monotonic() < deadline:
        time.sleep(locks.STEP)


def stop_orphan(layout: Layout, deadline: float, timeout: float) -> bool:
    """Stop a server of ours whose supervisor was killed; whether there was one."""
    from mnemon.db.embedded import previous

    pid_file = processes.PidFile.read(layout.data_dir)
    running = pid_file is not None and processes.is_postgres_on(pid_file.pid, layout.data_dir)
    # On its way out it removes its pid file first; the lock goes with its last process.
    orphan = running or locks.is_locked(layout.cluster_lock)
    if not orphan and not vault.is_mounted(layout.data_dir):
        return False

    def pause(seconds: float) -> None:
        if time.monotonic() > deadline:
            raise still_stopping(layout, timeout)
        time.sleep(seconds)

    with supervisors_place(layout) as free:
        if free:
            os.close(previous.settle(layout, socket_dir_of(layout, server_account().uid), pause))
            vault.unmount(layout.data_dir)
        return free and orphan


@contextmanager
def supervisors_place(layout: Layout) -> Iterator[bool]:
    """Hold the supervisor's lock, so that no server starts meanwhile; False if a supervisor came first."""
    lock = locks.open_lock(layout.supervisor_lock)
    try:
        yield locks.lock_until(lock, time.monotonic() + 0.2)
    finally:
        os.close(lock)


@contextmanager
def momentary_lease(layout: Layout) -> Iterator[None]:
    """Hold a lease for the length of a block, so that the supervisor decides nothing in between."""
    lease = locks.open_lock(layout.lease)
    try:
        locks.lock_until(lease, time.monotonic() + 30.0, shared=True)
        yield
    finally:
        os.close(lease)


def still_stopping(layout: Layout, timeout: float) -> MnemonError:
    """Return the error of a server that did not stop in the time the caller gave."""
    return Unavailable(
        f"The embedded server on {layout.data_dir} did not stop in {timeout:g} seconds.",
        code="embedded.stop_timeout",
        hint=f"It goes on stopping; {layout.server_logs} tells what it is doing.",
        path=str(layout.data_dir),
    )
