"""Which system account the server runs as, and what that account can reach.

PostgreSQL refuses to run as root. Started by root, the server runs as an unprivileged account; the supervisor stays
root, so that neither the Python installation nor the caller's directories need be open to that account.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnemon.core.errors import Invalid

VARIABLE = "MNEMON_EMBEDDED_USER"
CANDIDATES = ("mnemon", "postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An account of the system.

    Attributes:
        name: as in the password database.
        uid: its number.
        gid: its primary group.
        switch: whether a child process must change to it (only when this process is root).
    """

    name: str
    uid: int
    gid: int
    switch: bool


def server_account() -> Account:
    """Return the account for the server: this process's own, or for root the one that stands in.

    Raises:
        Invalid: ``embedded.no_account`` when root has no usable account to give.
    """
    if os.geteuid() != 0:
        return Account(str(os.geteuid()), os.geteuid(), os.getegid(), switch=False)
    import pwd

    chosen = os.environ.get(VARIABLE)
    for name in [chosen] if chosen else CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid, switch=True)
    problem = f"{VARIABLE}={chosen} names no unprivileged account" if chosen else "There is no unprivileged account"
    raise Invalid(
        f"{problem}, and PostgreSQL does not run as root.",
        code="embedded.no_account",
        hint=f"Make one (useradd --system mnemon) or name an existing one in {VARIABLE}.",
        field=VARIABLE,
    )


def first_closed(paths: Sequence[Path], account: Account) -> Path | None:
    """Return the first of ``paths`` that the account may not enter (a directory) or execute (a file), or None.

    The kernel is asked, as that account, because modes alone do not tell (access lists, mount options).
    """
    if not account.switch:
        return next((path for path in paths if not os.access(path, os.X_OK)), None)
    import subprocess

    script = 'for p do test -x "$p" || { printf %s "$p"; exit 1; }; done'
    process = subprocess.run(  # noqa: S603 - a fixed script; the paths are arguments
        ["/bin/sh", "-c", script, "sh", *map(os.fspath, paths)],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd="/",
        check=False,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    return Path(os.fsdecode(process.stdout)) if process.returncode else None


def way_to(path: Path) -> list[Path]:
    """Return ``path`` and every directory above it, from the root down."""
    return [*reversed(path.parents), path]
