"""File locks that the kernel releases when their holder dies."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Event

with suppress(ImportError):  # Windows: the verbs refuse before a lock is needed; importing must still work
    import fcntl

STEP = 0.004
"""Seconds between two tries; short, because what is waited for takes milliseconds."""


def open_lock(path: Path) -> int:
    """Open a lock file, made if missing; a child process does not inherit it, and a symbolic link is refused."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)


def try_lock(fd: int, *, shared: bool = False) -> bool:
    """Lock without waiting; False when somebody else's lock forbids it."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_until(fd: int, deadline: float, *, shared: bool = False, given_up: Event | None = None) -> bool:
    """Lock, trying until ``deadline`` (``time.monotonic`` seconds) or until it is given up; False when it was not got.

    Polls: a blocking flock has no timeout, and an alarm signal would belong to the application.
    """
    while not try_lock(fd, shared=shared):
        if time.monotonic() >= deadline or (given_up is not None and given_up.is_set()):
            return False
        time.sleep(STEP)
    return True


def unlock(fd: int) -> None:
    """Release, also for forked processes that still hold a copy of the descriptor."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def is_locked(path: Path) -> bool:
    """Tell whether some process holds an exclusive lock on ``path``; a missing file is not locked.

    The probe takes a shared lock for a moment, so whoever wants the exclusive lock tries more than once.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(fd, shared=True)
    finally:
        os.close(fd)
