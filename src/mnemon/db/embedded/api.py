"""The verbs of the embedded server, in the process that wants a database."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from mnemon.core.errors import MnemonError, Unavailable
from mnemon.db.embedded import directory, locks, model, processes, vault
from mnemon.db.embedded import state as states
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.keys import KeySource
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.model import Endpoint, Lease, Status
from mnemon.db.embedded.sockets import refuse_planted_socket, socket_dir_of
from mnemon.db.embedded.state import State

if TYPE_CHECKING:
    from mnemon.db.embedded.supervisor import Orders

_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
_KEY_VARIABLES = frozenset({"MNEMON_ENCRYPTION_KEY"})


def acquire(
    data_dir: Path,
    *,
    version: int = 18,
    start_timeout: float = 60.0,
    linger_seconds: float = 2.0,
    options: Mapping[str, str] = _NO_OPTIONS,
    key: KeySource | None = None,
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
    asked = _Asked(version, linger_seconds, options, key)
    with directory.explained(layout.data_dir):
        while True:
            directory.refuse_planted(layout, server_account())
            control = layout.control
            if not control.is_dir():
                directory.check_version(layout, version, layout.cluster_version())
                directory.prepare(layout, server_account())
            fd = _take_lease(layout, deadline)
            if layout.control == control:
                break
            model.release(fd)  # it was encrypted meanwhile, and what is locked has another place now
        try:
            found = states.read_live(layout)
            if found is None or not _answers(found):
                found = _start(layout, asked, deadline)
            refuse_planted_socket(found.socket_dir, layout, server_account().uid)
            directory.check_version(layout, version, found.version)
        except BaseException:
            model.release(fd)
            raise
    return Lease(_endpoint(layout, found), fd)


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
        with directory.explained(layout.data_dir), _momentary_lease(layout):
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
    told = False
    last: State | None = None
    with directory.explained(layout.data_dir):
        while (found := states.read_live(layout)) is not None:
            if not told and found.supervisor_pid:
                told = _tell_to_stop(found)
            if time.monotonic() > deadline:
                raise _still_stopping(layout, timeout)
            last = found
            time.sleep(locks.STEP)
        _await_exit(last)
        return _stop_orphan(layout, deadline, timeout) or last is not None


def status(data_dir: Path) -> Status:
    """What is known about a data directory's server; starts nothing and changes nothing."""
    from datetime import UTC, datetime

    _require_platform()
    layout = Layout.of(data_dir)
    with directory.explained(layout.data_dir):
        live = states.read_live(layout) if layout.control.is_dir() else None
        last = live or states.read(layout)
        ready = live if live is not None and _answers(live) else None
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
    """``/var/lib/mnemon/postgres`` for root; for others ``postgres`` in the platform's place for a user's data."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/mnemon/postgres")
    import platformdirs

    return Path(platformdirs.user_data_dir("mnemon", appauthor=False)) / "postgres"


# -- starting -----------------------------------------------------------------------------------------------------


def _take_lease(layout: Layout, deadline: float) -> int:
    """A shared lock on the lease; waits while a supervisor holds it to stop, and after that none lives."""
    fd = locks.open_lock(layout.lease)
    model.hold(fd)
    if not locks.lock_until(fd, deadline, shared=True):
        model.release(fd)
        raise _too_late(layout, "the old server did not stop")
    return fd


@dataclass(frozen=True)
class _Asked:
    """What a caller of :func:`acquire` wants of a server that has to be started."""

    version: int
    linger_seconds: float
    options: Mapping[str, str]
    key: KeySource | None


def _start(layout: Layout, asked: _Asked, deadline: float) -> State:
    """Bring a server up while holding the start lock, and the caller's lease; returns what its supervisor says."""
    from mnemon.db.embedded import cluster
    from mnemon.db.embedded.programs import binaries
    from mnemon.db.embedded.supervisor import Orders

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
    lock = locks.open_lock(layout.start_lock)
    model.hold(lock)
    try:
        if not locks.lock_until(lock, deadline):
            raise _too_late(layout, "another process is still starting it")
        return _await_ready(layout, orders, key, deadline)
    finally:
        model.release(lock)


def _read_key(source: KeySource | None) -> bytes:
    """The key from where the caller says, else from where the environment does."""
    if source is None:
        from mnemon.core.settings import load_settings

        source = KeySource.of(load_settings())
    return source.read()


def _await_ready(layout: Layout, orders: Orders, key: bytes, deadline: float) -> State:
    """Wait for a supervisor to be ready, starting one whenever none lives."""
    spawned = 0
    while True:
        found = states.read_live(layout)
        if found is not None and _answers(found):
            return found
        if found is None:
            last = states.read(layout)
            if last is not None and last.nonce == orders.nonce and last.phase == "failed":
                raise last.failure()
            # Twice more, because a server that has just come up may be stopped at once by somebody's `stop`.
            if spawned == 3:
                raise _vanished(layout)
            spawned += 1
            _spawn(layout, orders.as_json(), key)
            continue
        if time.monotonic() > deadline:
            raise _too_late(layout, f"it is {found.phase}")
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
    if _file_size(layout.log) > 1024 * 1024:
        layout.log.replace(layout.log.with_suffix(".log.1"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    log = os.open(layout.log, flags, 0o644)
    try:
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
    """An interpreter to execute; inside an application server ``sys.executable`` may be that server."""
    if "python" in Path(sys.executable or "").name.lower():
        return sys.executable
    return str(Path(sys.prefix) / "bin" / "python3")


def _answers(state: State) -> bool:
    """Whether the server that a supervisor calls ready takes connections right now."""
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


def _endpoint(layout: Layout, state: State) -> Endpoint:
    return Endpoint(Path(state.socket_dir), state.port, layout.data_dir, state.version)


# -- stopping -----------------------------------------------------------------------------------------------------


def _tell_to_stop(found: State) -> bool:
    pid = found.supervisor_pid
    return processes.signal_if(pid, signal.SIGTERM, lambda: found.is_by(pid))


def _await_exit(found: State | None) -> None:
    """The supervisor released its locks; a moment later its open files are closed and a volume can be unmounted."""
    deadline = time.monotonic() + 1.0
    while found is not None and found.is_by(found.supervisor_pid) and time.monotonic() < deadline:
        time.sleep(locks.STEP)


def _stop_orphan(layout: Layout, deadline: float, timeout: float) -> bool:
    """Stop a server of ours whose supervisor was killed; whether there was one."""
    from mnemon.db.embedded import previous

    found = processes.PidFile.read(layout.data_dir)
    running = found is not None and processes.is_postgres_on(found.pid, layout.data_dir)
    # On its way out it removes its pid file first; the lock goes with its last process.
    orphan = running or locks.is_locked(layout.cluster_lock)
    if not orphan and not vault.is_mounted(layout.data_dir):
        return False

    def pause(seconds: float) -> None:
        if time.monotonic() > deadline:
            raise _still_stopping(layout, timeout)
        time.sleep(seconds)

    with _supervisors_place(layout) as free:
        if free:
            os.close(previous.settle(layout, socket_dir_of(layout, server_account().uid), pause))
            vault.unmount(layout.data_dir)
        return free and orphan


@contextmanager
def _supervisors_place(layout: Layout) -> Iterator[bool]:
    """Hold the supervisor's lock, so that no server starts meanwhile; False if a supervisor came first."""
    lock = locks.open_lock(layout.supervisor_lock)
    try:
        yield locks.lock_until(lock, time.monotonic() + 0.2)
    finally:
        os.close(lock)


@contextmanager
def _momentary_lease(layout: Layout) -> Iterator[None]:
    """A lease for the length of a block, so that the supervisor decides nothing in between."""
    lease = locks.open_lock(layout.lease)
    try:
        locks.lock_until(lease, time.monotonic() + 30.0, shared=True)
        yield
    finally:
        os.close(lease)


# -- the rest -----------------------------------------------------------------------------------------------------


def _require_platform() -> None:
    if os.name != "posix":
        raise Unavailable(
            "The embedded server does not run on this platform.",
            code="embedded.unsupported_platform",
            hint="Use a PostgreSQL server of your own (MNEMON_DATABASE_URL), or run under WSL or a container.",
            platform=sys.platform,
        )


def _too_late(layout: Layout, why: str) -> MnemonError:
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


def _still_stopping(layout: Layout, timeout: float) -> MnemonError:
    return Unavailable(
        f"The embedded server on {layout.data_dir} did not stop in {timeout:g} seconds.",
        code="embedded.stop_timeout",
        hint=f"It goes on stopping; {layout.server_logs} tells what it is doing.",
        path=str(layout.data_dir),
    )


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _size(directory_: Path) -> int:
    """Bytes of the files below a directory; a running server's files may vanish meanwhile."""
    return sum(_file_size(Path(place, name)) for place, _, names in os.walk(directory_) for name in names)
