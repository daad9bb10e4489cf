"""The process that runs PostgreSQL: ``python -m mnemon.db.embedded.supervisor <orders as JSON>``.

Started by :mod:`mnemon.db.embedded.starting`, detached from its client, with the key of an encrypted data directory on
standard input. It holds ``supervisor.lock`` while it lives, and
tells what it does through ``state.json`` and its log. If it is killed, the kernel tells PostgreSQL to shut down
(Linux); the next supervisor takes care of whatever is left.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from types import FrameType

from mnemon.core.backoff import Backoff
from mnemon.core.errors import MnemonError, Unavailable
from mnemon.db.embedded import account as accounts
from mnemon.db.embedded import cluster, directory, install, locks, previous, processes, vault
from mnemon.db.embedded.layout import PORT, Layout
from mnemon.db.embedded.model import Phase
from mnemon.db.embedded.orders import Orders
from mnemon.db.embedded.sockets import make_socket_dir, socket_dir_of
from mnemon.db.embedded.state import State, write

LOCKED_BY_ANOTHER = 3
"""Exit code: another supervisor serves this data directory."""

_BACKOFF = Backoff(0.1, 2.0)
_ATTEMPTS = 6  # starts in a row that fail before it gives up: about six seconds with the pauses between them
_STEADY = 30.0  # seconds after which an earlier crash no longer counts as "in a row"
_FAST, _IMMEDIATE = 120.0, 10.0  # seconds that a fast and then an immediate shutdown may take
_LOGS_KEPT = 5
_OF_THE_SERVER = re.compile(r" (FATAL|PANIC): ")
# Start-up failures that pass by themselves: processes of a crashed server are still on their way out.
_PASSING = ("pre-existing shared memory block", "is another postmaster", "lock file")


class _Told(Exception):  # noqa: N818 - not an error
    """Somebody asked the supervisor to stop."""


class _Supervisor:
    def __init__(self, orders: Orders, supervisor_lock: int, key: bytes) -> None:
        self.orders = orders
        self.key = key
        self.vault: vault.Vault | None = None
        self.layout = Layout(Path(orders.data_dir))
        self.account = accounts.server_account()
        self.socket_dir = socket_dir_of(self.layout, self.account.uid)
        self.supervisor_lock = supervisor_lock
        self.lease = locks.open_lock(self.layout.lease)
        self.server: subprocess.Popen[bytes] | None = None
        self.programs = Path(orders.programs)
        self.failures = 0
        self.began = time.time()
        self.log_start = _size(self.layout.log)
        self.told = False
        self.wake_r, self.wake_w = os.pipe()
        self.state = State(
            nonce=orders.nonce,
            phase="starting",
            version=orders.version,
            port=PORT,
            socket_dir=str(self.socket_dir),
            supervisor_pid=os.getpid(),
            supervisor_start=processes.start_time(os.getpid()),
        )

    # -- life -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Start the server, watch over it until nobody needs it, and stop it."""
        self._listen()
        error: MnemonError | None = None
        try:
            self._publish("starting")
            self._prepare()
            self._start_until_ready()
            self._watch()
        except _Told:
            _log("asked to stop")
        except MnemonError as known:
            error = known
        except OSError as known:
            _log(traceback.format_exc())
            error = directory.explain(known, self.layout.data_dir)
        except Exception:  # whatever it is, the waiting client has to be told
            error = Unavailable(
                "The supervisor of the embedded server failed.",
                code="embedded.supervisor_failed",
                hint=f"Its log: {self.layout.log}",
                trace=traceback.format_exc(),
            )
            _log(traceback.format_exc())
        self._finish(error)

    def _prepare(self) -> None:
        if self.layout.is_encrypted:
            self._mount()
        self.programs = install.reachable_binaries(self.layout, self.programs, self.account)
        if self.layout.cluster_version() is None or self.layout.staged.exists():
            self._make_cluster()
        directory.check_version(self.layout, self.orders.version, self.layout.cluster_version())
        if self.vault is not None:
            self.layout.vault_version.write_text(f"{self.orders.version}\n", "ascii")

    def _mount(self) -> None:
        """Put the encrypted data directory in its place, once nothing works on what was there before."""
        guard = previous.settle(self.layout, self.socket_dir, self._pause)
        try:
            self.vault = vault.open_cluster(self.layout, self.key, self._pause)
        finally:
            os.close(guard)

    def _make_cluster(self) -> None:
        uid, gid = self.account.uid, self.account.gid
        # Held, and inherited, while initdb works: a half-made cluster is not cleared away under its processes.
        guard = previous.settle(self.layout, self.socket_dir, self._pause)
        try:
            if not self.layout.staged.exists():
                directory.refuse_foreign(self.layout)
                target = cluster.clear_staging(self.layout, uid, gid)
                command = cluster.initdb_command(self.programs, self.orders.version, target)
                initdb = self._spawn(command, guard, signal.SIGTERM)
                try:
                    while initdb.poll() is None:
                        self._pause(1.0)
                finally:
                    if initdb.poll() is None:
                        initdb.terminate()
                        initdb.wait()
                if initdb.returncode != 0:
                    raise self._failure("PostgreSQL could not make a new cluster.")
                target.rename(self.layout.staged)
                cluster.sync(self.layout.control)
            cluster.adopt_staged(self.layout)
        finally:
            os.close(guard)

    # -- the server -------------------------------------------------------------------------------------------

    def _start_until_ready(self) -> None:
        had_been_ready = self.state.ready_at > 0
        while not self._start():
            self.failures += 1
            failure = self._failure("PostgreSQL did not start.")
            passing = any(text in line for line in failure.data["log"] for text in _PASSING)
            if self.failures >= _ATTEMPTS or not (had_been_ready or passing):
                raise failure
            self._pause(_BACKOFF.after(self.failures))
        pid = self.server.pid if self.server else 0
        self.state = replace(self.state, postmaster_pid=pid, ready_at=time.time())
        self._publish("ready")

    def _start(self) -> bool:
        """Start PostgreSQL and wait until it accepts connections, however long its recovery takes."""
        self.log_start, self.began = _size(self.layout.log), time.time()
        if self.vault is not None and not self.vault.is_alive:
            self._mount()
        guard = previous.settle(self.layout, self.socket_dir, self._pause)
        try:
            self.socket_dir = make_socket_dir(self.layout, self.account.uid, self.account.gid)
            self.state = replace(self.state, socket_dir=str(self.socket_dir))
            self._remove_sockets()
            command = cluster.postgres_command(self.programs, self.layout, self.socket_dir, self.orders.options)
            self.server = self._spawn(command, guard, signal.SIGINT)
        finally:
            os.close(guard)
        while self.server.poll() is None:
            pid_file = processes.PidFile.read(self.layout.data_dir)
            if pid_file and pid_file.pid == self.server.pid and pid_file.status in {"ready", "standby"}:
                return True
            self._pause(0.01)
        return False

    def _spawn(self, command: list[str], guard: int, at_death: signal.Signals) -> subprocess.Popen[bytes]:
        switch = self.account.switch
        return subprocess.Popen(  # noqa: S603 - our own programs and arguments, no shell
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=(guard,),
            cwd="/",
            env=cluster.server_environment(self.layout),
            user=self.account.uid if switch else None,
            group=self.account.gid if switch else None,
            extra_groups=[] if switch else None,
            umask=0o077,
            # Runs after the change of account, which would reset it; safe, since this process has one thread.
            preexec_fn=processes.die_with_parent(at_death),
        )

    def _watch(self) -> None:
        """Wait until nobody needs the server, and restart it when it crashes."""
        linger = self.orders.linger_seconds
        tick = max(0.05, min(0.5, linger / 4))
        needed = pruned = time.monotonic()
        self._prune_logs()
        while True:
            self._pause(tick)
            if self.vault is not None and not self.vault.is_alive and self.server is not None:
                _log("the encrypted file system is gone from under PostgreSQL")
                # Whatever it still does, it cannot write: nothing that it would say from now on is true.
                self.server.kill()
                self.server.wait()
            if self.server is None or self.server.poll() is not None:
                if self.server is None or self.server.returncode == 0:
                    _log("PostgreSQL was shut down by somebody else")
                    return
                self._recover(self.server.returncode)
                needed = time.monotonic()
            if self._is_displaced():
                _log("the data directory is gone or another one is in its place")
                return
            if not (self.socket_dir / f".s.PGSQL.{PORT}").exists():
                _log("the socket is gone, as cleaners of /tmp do; restarting PostgreSQL")
                self._publish("restarting")
                self._stop_server()
                self._start_until_ready()
            now = time.monotonic()
            if now - pruned > 3600:
                self._prune_logs()
                pruned = now
            if not locks.try_lock(self.lease):
                needed = now
            elif now - needed < linger or self.layout.is_kept():
                locks.unlock(self.lease)
            else:
                # The exclusive lock is kept to the end: from here on no client can take a lease.
                _log("nobody holds a lease")
                return

    def _recover(self, code: int) -> None:
        if time.time() - self.state.ready_at > _STEADY:
            self.failures = 0
        self.failures += 1
        _log(f"PostgreSQL ended with {code}, {self.failures} in a row")
        self.server = None
        self.state = replace(self.state, postmaster_pid=0)
        if self.failures >= _ATTEMPTS:
            raise self._failure(f"PostgreSQL crashed {self.failures} times in a row.")
        self._publish("restarting")
        self._pause(_BACKOFF.after(self.failures))
        self._start_until_ready()

    def _is_displaced(self) -> bool:
        try:
            return not os.path.samestat(self.layout.lease.lstat(), os.fstat(self.lease))
        except OSError:
            return True

    def _prune_logs(self) -> None:
        for path in cluster.server_log_files(self.layout)[:-_LOGS_KEPT]:
            path.unlink(missing_ok=True)

    # -- the end ----------------------------------------------------------------------------------------------

    def _finish(self, error: MnemonError | None) -> None:
        try:
            self._publish("stopping")
            self._stop_server()
            if self.vault is not None:
                self.vault.close()
            self.state = replace(self.state, postmaster_pid=0, error=error.as_dict() if error else None)
            self._publish("failed" if error else "stopped")
            if error:
                _log(f"gave up: {error.code}: {error}")
        finally:
            # In this order: who gets the lease finds no supervisor, and starts one.
            os.close(self.supervisor_lock)
            os.close(self.lease)

    def _stop_server(self) -> None:
        for number, patience in ((signal.SIGINT, _FAST), (signal.SIGQUIT, _IMMEDIATE), (signal.SIGKILL, 5.0)):
            if self.server is None or self.server.poll() is not None:
                break
            self.server.send_signal(number)
            deadline = time.monotonic() + patience
            while self.server.poll() is None and time.monotonic() < deadline:
                self._sleep(0.05)
        if self.state.ready_at == 0 and self.server is None:
            return  # it started none: what is there may be another's
        self._remove_sockets()
        try:
            self.socket_dir.rmdir()
        except OSError:
            return  # not ours, or not empty: left alone

    def _remove_sockets(self) -> None:
        """Remove what a killed server left: PostgreSQL would believe the process number in the socket's lock file."""
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            try:
                (self.socket_dir / name).unlink()
            except OSError:
                continue

    # -- words and waiting ------------------------------------------------------------------------------------

    def _publish(self, phase: Phase) -> None:
        self.state = replace(self.state, phase=phase)
        try:
            write(self.layout, self.state)
        except OSError as error:
            _log(f"could not write {self.layout.state}: {error}")

    def _failure(self, message: str) -> Unavailable:
        lines = cluster.tail(self.layout.log, self.log_start)
        for path in cluster.server_log_files(self.layout)[-1:]:
            if path.stat().st_mtime >= self.began - 1:  # else it is an earlier run's
                # What the account of an encrypted one says lies outside of it: no statements, no values of rows.
                log = cluster.tail(path)
                lines += (
                    [logged for logged in log if _OF_THE_SERVER.search(logged)] if self.layout.is_encrypted else log
                )
        full = any("No space left on device" in line or "Disk quota exceeded" in line for line in lines)
        if full:
            message = f"No space is left for the data directory {self.layout.data_dir}. {message}"
        return Unavailable(
            "\n".join([f"{message} The last lines of its log:", *lines[-6:]]) if lines else message,
            code="embedded.disk_full" if full else "embedded.start_failed",
            hint=directory.DISK_FULL_HINT if full else f"Logs: {self.layout.log} and {self.layout.server_logs}",
            log=lines[-20:],
            path=str(self.layout.data_dir),
        )

    def _listen(self) -> None:
        os.set_blocking(self.wake_r, False)
        os.set_blocking(self.wake_w, False)
        signal.set_wakeup_fd(self.wake_w, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        # A handler, even an empty one, makes the end of a child interrupt a pause.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.told = True

    def _pause(self, seconds: float) -> None:
        """Sleep until a signal comes or the time is over; raises when asked to stop."""
        if not self.told:
            self._sleep(seconds)
        if self.told:
            raise _Told

    def _sleep(self, seconds: float) -> None:
        if select.select([self.wake_r], [], [], seconds)[0]:
            os.read(self.wake_r, 4096)


def _log(text: str) -> None:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    sys.stderr.write(f"{stamp} UTC supervisor [{os.getpid()}]: {text}\n")
    sys.stderr.flush()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def main(argument: str) -> int:
    """Take the lock, detach, and serve; returns in the process that the client waits for.

    That process ends as soon as its child lives on with the lock, so that the client has no child of its own to reap
    and finds the lock taken when it looks.
    """
    orders = Orders(**json.loads(argument))
    key = sys.stdin.buffer.read()  # of an encrypted data directory; nothing otherwise
    layout = Layout(Path(orders.data_dir))
    os.umask(0o022)
    lock = locks.open_lock(layout.supervisor_lock)
    # Not at the first try: a client that asks whether a supervisor lives holds a shared lock for a moment.
    if not locks.lock_until(lock, time.monotonic() + 1.0):
        return LOCKED_BY_ANOTHER
    write(layout, State(nonce=orders.nonce, phase="starting", version=orders.version, port=PORT))
    if os.fork() == 0:
        _Supervisor(orders, lock, key).run()
        os._exit(0)  # at once: with its locks gone, `stop` waits for the process itself
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
