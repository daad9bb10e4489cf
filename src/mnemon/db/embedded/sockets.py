"""The directory of the server's socket: short, private, and where nobody else can keep the server from having one.

A data directory's own path may be longer than a socket's path can be, so the socket lies elsewhere: in the user's
runtime directory, else below /tmp, else, where neither may be written, among the control files if their path is short.
A name in /tmp can be known to others before, and planted; then another one is made, with a name that nobody knows, and
noted in the control directory. What is planted is neither used nor removed.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mnemon.core.errors import Conflict
from mnemon.db.embedded.layout import PORT, Layout

# sun_path holds 108 bytes on Linux and 104 on macOS, with the closing NUL.
_SOCKET_PATH_LIMIT = 103
# unix_socket_directories is a comma-separated list with quoting rules of its own.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/_.+-]+")
_TRIES = 20


def socket_dir_of(layout: Layout, server_uid: int) -> Path:
    """Return where the socket of a server that runs as ``server_uid`` is, or would be: as noted, or as usual."""
    return _noted(layout) or _usual(layout, server_uid)


def make_socket_dir(layout: Layout, uid: int, gid: int) -> Path:
    """Return a directory of mode 0700 that belongs to the server's account: the one that there was, or a new one.

    Raises:
        Conflict: ``embedded.socket_dir_refused`` if none can be made.
    """
    problems: dict[Path, str] = {}
    for path in _candidates(layout, uid):
        problem = _made(path, uid, gid)
        if problem is None:
            _note(layout, path)
            return path
        problems[path.parent] = problem
    raise _nowhere(layout, uid, problems)


def _nowhere(layout: Layout, uid: int, problems: dict[Path, str]) -> Conflict:
    """Return the error for a server whose socket can lie nowhere: which places there are, and what to change."""
    if (problem := _unfit(_inside(layout))) is not None:
        problems = {**problems, layout.data_dir: problem}
    usual = _usual(layout, uid).parent
    runtime = "" if os.geteuid() == 0 else "set XDG_RUNTIME_DIR to a directory of this user's of mode 0700, or "
    return Conflict(
        "The server's socket can lie nowhere: " + "; ".join(f"{at} {why}" for at, why in problems.items()) + ".",
        code="embedded.socket_dir_refused",
        hint=f"Let {usual} be written, or {runtime}set MNEMON_DATA_DIR to a directory that can be written and whose "
        f"path has at most {_longest(layout)} bytes, letters and digits of English and / _ . + - only.",
        path=str(usual),
        longest=_longest(layout),
    )


def refuse_planted_socket(said: str, layout: Layout, uid: int) -> None:
    """Let a client talk to nobody but the server's account, whatever the supervisor's file says.

    Raises:
        Conflict: ``embedded.socket_dir_refused``.
    """
    if not is_private(Path(said), uid):
        raise Conflict(
            f"The socket directory {said} of {layout.data_dir} is not the server's own.",
            code="embedded.socket_dir_refused",
            hint="Whoever made it may have planted it. Stop the server (mnemon down) and start it again.",
            path=said,
        )


def is_private(path: Path, uid: int) -> bool:
    """Tell whether it is a directory, and no link to one, that only this account can enter."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and stat.S_IMODE(found.st_mode) == 0o700


def _candidates(layout: Layout, uid: int) -> Iterator[Path]:
    if noted := _noted(layout):
        yield noted
    usual = _usual(layout, uid)
    yield usual
    for _ in range(_TRIES):
        yield usual.with_name(f"mnemon-{uid}-{secrets.token_hex(8)}")
    if _fits(inside := _inside(layout)):
        yield inside


def _made(path: Path, uid: int, gid: int) -> str | None:
    """Make it, or find it exactly as it would be made; return why it cannot serve, as words that go on after its place.

    What is there and is somebody else's is one name that cannot be used; a place that cannot be written has no other.
    """
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    else:
        if uid != os.geteuid():
            os.chown(path, uid, gid, follow_symlinks=False)
    return None if is_private(path, uid) else f"holds {path.name}, which is not the server's own"


def _usual(layout: Layout, server_uid: int) -> Path:
    name = hashlib.sha256(os.fsencode(layout.data_dir)).hexdigest()[:12]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    # Root's runtime directory is closed to the account that the server runs as.
    if runtime.startswith("/") and os.geteuid() != 0 and is_private(Path(runtime), server_uid):
        candidate = Path(runtime) / f"mnemon-{name}"
        if _fits(candidate.with_name(f"mnemon-{server_uid}-{'0' * 16}")):
            return candidate
    return Path(f"/tmp/mnemon-{server_uid}-{name}")  # noqa: S108 - a planted one is passed over


def _inside(layout: Layout) -> Path:
    """Return the place that needs no other directory: only the server's account and root can enter it."""
    return layout.control / "mnemon-socket"


def _longest(layout: Layout) -> int:
    """Return how long the path of a data directory may be that has its socket inside."""
    beside = len(os.fsencode(_inside(layout))) - len(os.fsencode(layout.data_dir))
    return _SOCKET_PATH_LIMIT - beside - len(f"/.s.PGSQL.{PORT}")


def _fits(path: Path) -> bool:
    return _unfit(path) is None


def _unfit(path: Path) -> str | None:
    """Return why no socket can have this path, as words that go on after its place; None where one can."""
    if len(os.fsencode(path / f".s.PGSQL.{PORT}")) > _SOCKET_PATH_LIMIT:
        return "has a path that is too long for a socket's"
    if _PLAIN_PATH.fullmatch(str(path)) is None:
        return "has a path with characters that a socket's cannot have"
    return None


def _noted(layout: Layout) -> Path | None:
    """Return what the note says, if it was written for this directory: a copy (a replica, a backup) has its own."""
    try:
        fd = os.open(layout.socket_note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        owner, _, directory = file.read(16_384).partition(b"\n")
    path = Path(os.fsdecode(directory.strip()))
    if owner != os.fsencode(layout.data_dir) or not path.name.startswith("mnemon-") or not _fits(path):
        return None
    return path


def _note(layout: Layout, path: Path) -> None:
    if _noted(layout) == path:
        return
    draft = layout.control / "socket.draft"
    draft.unlink(missing_ok=True)
    # Without it the usual place is tried first at the next start, as if there never had been a note.
    with suppress(OSError):
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(fd, "wb") as file:
            file.write(os.fsencode(layout.data_dir) + b"\n" + os.fsencode(path) + b"\n")
        draft.replace(layout.socket_note)
