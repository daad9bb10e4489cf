"""Bring an embedded server up: the client's side, until the supervisor says that it is ready."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from mnemon.core import forks
from mnemon.core.errors import MnemonError, Unavailable
from mnemon.db.embedded import directory, locks, model
from mnemon.db.embedded import state as states
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.keys import KeySource
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.orders import Orders
from mnemon.db.embedded.state import State

_KEY_VARIABLES = frozenset({"MNEMON_ENCRYPTION_KEY"})


def take_lease(layout: Layout, deadline: float, given_up: Event | None = None) -> int:
    """Return a shared lock on the lease; waits while a supervisor holds it to stop, and after that none lives."""
    fd = model.open_held(layout.lease)
    if not locks.lock_until(fd, deadline, shared=True, given_up=given_up):
        model.release(fd)
        raise too_late(layout, "the old server did not stop")
    return fd


@dataclass(frozen=True)
class StartRequest:
    """What a caller of :func:`acquire` wants of a server that has to be started."""

    version: int
    linger_seconds: float
    options: Mapping[str, str]
    key: KeySource | None
    given_up: Event | None = None


def start(layout: Layout, asked: StartRequest, deadline: float) -> State:
    """Bring a server up while holding the start lock, and the caller's lease; returns what its supervisor says."""
    with forks.no_fork():  # a child would wait for a module that only a thread of its parent goes on importing
        from mnemon.db.embedded import cluster
        from mnemon.db.embedded.programs import binaries

    cluster.check_options(asked.options)
    directory.check_version(layout, asked.version, layout.cluster_version())
    directory.prepare(layout, server_account())
    orders = Orders(
        data_dir=str(layout.data_dir),
        version=asked.version,
        programs=str(binaries(asked.version)),
        linger_seconds=asked.linger_seconds,
        options=dict(asked.options),
        nonce=os.urandom(8).hex(),
    )
    key = _read_key(asked.key) if layout.is_encrypted else b""
    lock = model.open_held(layout.start_lock)
    try:
        if not locks.lock_until(lock, deadline, given_up=asked.given_up):
            raise too_late(layout, "another process is still starting it")
        return _await_ready(layout, orders, key, deadline, asked.given_up)
    finally:
        model.release(lock)


def _read_key(source: KeySource | None) -> bytes:
    """Return the key from where the caller says, else from where the environment does."""
    if source is None:
        from mnemon.core.settings import load_settings

        source = KeySource.of(load_settings())
    return source.read()


def _await_ready(layout: Layout, orders: Orders, key: bytes, deadline: float, given_up: Event | None) -> State:
    """Wait for a supervisor to be ready, starting one whenever none lives."""
    spawned = 0
    while True:
        state = states.read_live(layout)
        if state is not None and answers(state):
            return state
        if state is None:
            last = states.read(layout)
            if last is not None and last.nonce == orders.nonce and last.phase == "failed":
                raise last.failure()
            # Twice more, because a server that has just come up may be stopped at once by somebody's `stop`.
            if spawned == 3:
                raise _vanished(layout)
            spawned += 1
            _spawn(layout, orders.as_json(), key)
            continue
        if time.monotonic() > deadline or (given_up is not None and given_up.is_set()):
            raise too_late(layout, f"it is {state.phase}")
        time.sleep(locks.STEP)


def _spawn(layout: Layout, orders: str, key: bytes) -> None:
    """Start a supervisor and wait until it has detached itself, holding its lock.

    A key goes through a pipe, and is not among its variables even if the caller has it there.
    """
    import subprocess

    # The directory of the package this code comes from, wherever the caller found it; not the working directory.
    root = str(Path(__file__).resolve().parents[3])
    inherited = os.environ.get("PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    for name in [name for name in environment if name.upper() in _KEY_VARIABLES]:
        del environment[name]
    environment["PYTHONPATH"] = f"{root}{os.pathsep}{inherited}" if inherited else root
    if file_size(layout.log) > 1024 * 1024:
        layout.log.replace(layout.log.with_suffix(".log.1"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    log = os.open(layout.log, flags, 0o644)
    try:
        # A child forked meanwhile would keep the pipes to it open, and this process waiting for their end.
        with forks.no_fork():
            subprocess.run(  # noqa: S603 - this interpreter, a module of ours, one JSON argument
                [_python(), "-P", "-m", "mnemon.db.embedded.supervisor", orders],
                input=key,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment,
                start_new_session=True,
                check=False,
            )
    finally:
        os.close(log)


def _python() -> str:
    """Return an interpreter to execute; inside an application server ``sys.executable`` may be that server."""
    if "python" in Path(sys.executable or "").name.lower():
        return sys.executable
    return str(Path(sys.prefix) / "bin" / "python3")


def answers(state: State) -> bool:
    """Tell whether the server that a supervisor calls ready takes connections right now."""
    if state.phase != "ready":
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2.0)
        try:
            # A connection closed without a word leaves no trace in PostgreSQL's log.
            probe.connect(f"{state.socket_dir}/.s.PGSQL.{state.port}")
        except OSError:
            return False
    return True


def too_late(layout: Layout, why: str) -> MnemonError:
    """Return the error of a server that did not come up in the time the caller gave."""
    return Unavailable(
        f"The embedded server on {layout.data_dir} was not ready in time: {why}.",
        code="embedded.start_timeout",
        hint=f"Wait longer, or look into {layout.log} and {layout.server_logs}.",
        path=str(layout.data_dir),
    )


def _vanished(layout: Layout) -> MnemonError:
    from mnemon.db.embedded.cluster import tail

    lines = tail(layout.log)
    return Unavailable(
        "\n".join(["The supervisor of the embedded server ended without a word. Its log:", *lines[-6:]]),
        code="embedded.start_failed",
        hint=f"Log: {layout.log}",
        log=lines,
        path=str(layout.data_dir),
    )


def file_size(path: Path) -> int:
    """Return bytes of a file; none of one that is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
