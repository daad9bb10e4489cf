"""Telling processes apart: a number in a file is not the process that wrote it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class PidFile:
    """What ``postmaster.pid`` says; nothing of it is to be trusted unchecked.

    Attributes:
        pid: of the postmaster that wrote it.
        socket_dir: the first directory of its sockets, or an empty string.
        status: ``starting``, ``ready``, ``standby``, ``stopping``, or an empty string.
    """

    pid: int
    socket_dir: str
    status: str

    @classmethod
    def read(cls, data_dir: Path) -> PidFile | None:
        """Return the file of a data directory, or None if there is none or it holds no number."""
        try:
            lines = os.fsdecode((data_dir / "postmaster.pid").read_bytes()).split("\n")
            pid = int(lines[0])
        except (OSError, ValueError):
            return None
        lines += [""] * 8
        return cls(pid, lines[4].strip(), lines[7].strip()) if pid > 0 else None


def exists(pid: int) -> bool:
    """Tell whether some process has this number now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def start_time(pid: int) -> str | None:
    """Return an opaque mark that two processes with the same number do not share; None if no process lives."""
    if not _HAS_PROC:
        return _ps(pid, "lstart") or None
    try:
        # The second field is the program's name in parentheses and may hold anything; starttime is the 22nd.
        fields = (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    # A zombie has ended, however long nobody reaps it (a container whose first process does not).
    return None if fields[0] == "Z" else fields[19]


def is_postgres_on(pid: int, data_dir: Path) -> bool:
    """Tell whether the process is a PostgreSQL server on this data directory.

    A postmaster's working directory is its data directory. Without /proc its command line has to do.
    """
    if not _HAS_PROC:
        command = _ps(pid, "args")
        return "postgres" in command and str(data_dir) in command
    try:
        program = (_PROC / str(pid) / "exe").readlink().name.removesuffix(" (deleted)")
        return program == "postgres" and (_PROC / str(pid) / "cwd").samefile(data_dir)
    except OSError:
        # Gone, or another user's: a data directory of mode 0700 is no other user's to serve.
        return False


def signal_if(pid: int, number: signal.Signals, is_it: Callable[[], bool]) -> bool:
    """Send a signal if ``is_it()`` still says that the process is the one meant; whether it was sent.

    Where the kernel offers a handle on the process, its number cannot pass to another between question and signal.
    """
    handle: int | None = None
    try:
        if sys.platform == "linux" and hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(pid)
        if not is_it():
            return False
        if handle is not None and sys.platform == "linux":
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def die_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return a function for a new child to call before exec: the kernel will send it ``number`` when its parent dies.

    Linux only; elsewhere it does nothing, and the next supervisor finds the orphan by its lock.
    """
    if sys.platform != "linux":
        return lambda: None
    import ctypes

    prctl = ctypes.CDLL(None).prctl  # looked up before the fork
    parent = os.getpid()

    def call() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before the request was made
            os._exit(1)

    return call


def lease_holders(path: Path) -> tuple[int, ...] | None:
    """Return the pids that hold a shared lock on a file, or None where the platform does not tell."""
    try:
        inode = str(path.stat().st_ino)
        table = (_PROC / "locks").read_text("ascii")
    except OSError:
        return None
    rows = (line.split() for line in table.splitlines())
    # "7: FLOCK  ADVISORY  READ 812 08:01:1311 0 EOF". Only the inode is compared: on overlay and btrfs the device is
    # not the one that stat tells.
    held = (row for row in rows if row[1:4] == ["FLOCK", "ADVISORY", "READ"] and row[5].rpartition(":")[2] == inode)
    return tuple(sorted(int(row[4]) for row in held))


def _ps(pid: int, column: str) -> str:
    import subprocess

    process = subprocess.run(  # noqa: S603 - fixed program, numeric argument
        ["/bin/ps", "-o", f"{column}=", "-p", str(pid)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
        env={"LC_ALL": "C"},
    )
    return os.fsdecode(process.stdout).strip()
