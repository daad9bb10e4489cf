"""Whose word a file is: what anybody could have put there decides nothing, and runs nothing.

A working directory is whoever's one happens to stand in, and ``/tmp`` is everybody's. So nothing is taken from either
unless the user names it, and then only where no one else could have written it.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from mnemon.core.errors import Invalid

#: Where programs are besides what PATH says; ``umount`` and ``fusermount`` lie in these.
_STANDARD = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_LONGEST = 1024 * 1024


def is_own(found: os.stat_result, *others: int) -> bool:
    """Tell whether it belongs to this user, to root or to one of ``others``, and nobody else may write it."""
    return found.st_uid in {os.geteuid(), 0, *others} and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read_own_file(path: Path, what: str, code: str) -> str:
    """Return the text of a file that only its user, or root, can have written.

    Args:
        path: what the user named.
        what: what it is, for a message (``The settings file``).
        code: of the error.

    Raises:
        Invalid: it is missing, no plain file, another user's, or open for others to write.
    """
    try:
        # Not blocking: a pipe of that name would be waited for without end.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Invalid(
            f"{what} {path} cannot be read: {error.strerror}.",
            code=code,
            hint="Check the path; it is taken relative to the current directory.",
            path=str(path),
        ) from None
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        os.close(fd)
        raise Invalid(f"{what} {path} is a directory.", code=code, path=str(path))
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST:
            raise Invalid(f"{what} {path} is no plain file of settings.", code=code, path=str(path))
        if not is_own(status):
            raise Invalid(
                f"{what} {path} belongs to user {status.st_uid}, with mode {stat.S_IMODE(status.st_mode):04o}: "
                "others could have written what is in it.",
                code=code,
                hint=f"Look at it. If it says what you mean, make it yours alone: chmod go-w {shlex.quote(str(path))}, "
                "and chown it if it is another's.",
                path=str(path),
            )
        try:
            return file.read().decode("utf-8")
        except UnicodeDecodeError:
            raise Invalid(f"{what} {path} is not UTF-8 text.", code=code, path=str(path)) from None


def search_path() -> str:
    """PATH without what others could put a program into: relative entries, and directories that they may write."""
    found = []
    for name in [*os.environ.get("PATH", "").split(os.pathsep), *_STANDARD]:
        if Path(name).is_absolute() and name not in found and _is_safe(name):
            found.append(name)
    return os.pathsep.join(found)


def find_program(name: str) -> str | None:
    """Return where a program is, on the way that :func:`search_path` says; None if it is nowhere there."""
    import shutil

    return shutil.which(name, path=search_path())


def command_words(command: str, setting: str) -> list[str]:
    """Return a command of the user's, as arguments for a program that is found where no one else could have put it.

    Raises:
        Invalid: it is no command line, or its program is named relative to the working directory or is nowhere.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    program = words[0] if words else ""
    if os.sep in program:
        path = program if Path(program).is_absolute() else None
    else:
        path = find_program(program) if program else None
    if path is None:
        # The command is not repeated: it may hold a secret.
        raise Invalid(
            f"The program of {setting} is not found.",
            code="invalid.command",
            hint="Name it by its whole path, or put it into a directory of PATH that only you or root may write: what "
            "lies in the working directory is not run.",
            field=setting.removeprefix("MNEMON_").lower(),
        )
    return [path, *words[1:]]


def _is_safe(directory: str) -> bool:
    try:
        found = Path(directory).stat()
    except OSError:
        return False
    # A group may write to /usr/local on some systems, and is made of those who administer them.
    return found.st_uid in {os.geteuid(), 0} and not found.st_mode & stat.S_IWOTH
