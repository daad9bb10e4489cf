"""Where the key of an encrypted data directory comes from: a file, the environment, or a command."""

from __future__ import annotations

import base64
import os
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mnemon.core import crypto, trust
from mnemon.core.errors import Conflict, Invalid, MnemonError, Unavailable

if TYPE_CHECKING:
    from mnemon.core.settings import Settings

_PATIENCE = 60.0  # seconds for a command, which may ask a service
_LONGEST = 4096


@dataclass(frozen=True)
class KeySource:
    """One of three places, or none.

    Attributes:
        text: the key itself.
        file: a file that holds it.
        command: a command that prints it.
    """

    text: str | None = field(default=None, repr=False)
    file: Path | None = None
    command: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> KeySource:
        """Return what the settings say."""
        text = settings.encryption_key
        return cls(
            text.get_secret_value() if text else None, settings.encryption_key_file, settings.encryption_key_command
        )

    @property
    def given(self) -> list[str]:
        """The settings that name a key."""
        named = {
            "MNEMON_ENCRYPTION_KEY": self.text,
            "MNEMON_ENCRYPTION_KEY_FILE": self.file,
            "MNEMON_ENCRYPTION_KEY_COMMAND": self.command,
        }
        return [name for name, value in named.items() if value is not None]

    def read(self) -> bytes:
        """Return the key as gocryptfs gets it: one line of base64.

        Raises:
            Invalid: ``embedded.key_missing``, ``embedded.key_ambiguous``, ``embedded.key_malformed``,
                ``embedded.key_open``.
            Unavailable: ``embedded.key_unreadable``.
        """
        if len(self.given) != 1:
            raise _not_one(self.given)
        text, where = self.text, self.given[0]
        if self.file is not None:
            text, where = _from_file(self.file.expanduser()), str(self.file)
        elif self.command is not None:
            text = _from_command(self.command)
        try:
            (key,) = crypto.parse_keys((text or "").strip())
        except ValueError:
            raise Invalid(
                f"What {where} gives is no key: 32 random bytes in base64, on one line.",
                code="embedded.key_malformed",
                hint="`mnemon up --encrypted --new-key FILE` makes a key; so does `openssl rand -base64 32`.",
                field=where,
            ) from None
        return base64.b64encode(key)


def new_key_file(path: Path) -> KeySource:
    """Write a fresh key into a new file that only this user may read.

    Raises:
        Conflict: ``embedded.key_exists``; an existing file is never written over.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise Conflict(
            f"{path} is there already.",
            code="embedded.key_exists",
            hint="To use the key in it, set MNEMON_ENCRYPTION_KEY_FILE and leave --new-key out. "
            "Otherwise name another file.",
            path=str(path),
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(crypto.new_secret_key() + "\n")
        file.flush()
        # The only copy of what all data will hang on.
        os.fsync(file.fileno())
    return KeySource(file=path)


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LONGEST)
    except OSError as error:
        raise _unreadable(path, error) from None
    if stat.S_IMODE(mode) & 0o007:
        raise Invalid(
            f"Every user of this machine may read (or write) the key in {path}.",
            code="embedded.key_open",
            hint=f"Run: chmod 600 {shlex.quote(str(path))}",
            field="encryption_key_file",
            path=str(path),
        )
    return content.decode("ascii", "replace")


def _from_command(command: str) -> str:
    import subprocess

    try:
        process = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            trust.command_words(command, "MNEMON_ENCRYPTION_KEY_COMMAND"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_PATIENCE,
            check=False,
        )
        why = f"it ended with {process.returncode}" if process.returncode else ""
    except subprocess.TimeoutExpired:
        why = f"it took longer than {_PATIENCE:g} seconds"
    except OSError as error:
        why = error.strerror or "it cannot be started"
    except Invalid as error:
        raise Unavailable(error.message, code="embedded.key_unreadable", hint=error.hint) from None
    if why:
        # Neither the command nor its output is repeated: both may hold a secret.
        raise Unavailable(
            f"The command of MNEMON_ENCRYPTION_KEY_COMMAND gave no key: {why}.",
            code="embedded.key_unreadable",
            hint="Run it by hand as the same user. It gets no shell: for pipes write sh -c '...'.",
        )
    return process.stdout[:_LONGEST].decode("ascii", "replace")


def _not_one(given: list[str]) -> Invalid:
    if given:
        return Invalid(
            f"The key of the data directory is given more than once: {', '.join(given)}.",
            code="embedded.key_ambiguous",
            hint="Set one of them.",
            field=given[0],
        )
    return Invalid(
        "An encrypted data directory needs a key, and none is given.",
        code="embedded.key_missing",
        hint="Set MNEMON_ENCRYPTION_KEY_FILE (or MNEMON_ENCRYPTION_KEY_COMMAND, or MNEMON_ENCRYPTION_KEY); for a new "
        "directory `mnemon up --encrypted --new-key FILE` makes one.",
        field="encryption_key_file",
    )


def _unreadable(path: Path, error: OSError) -> MnemonError:
    return Unavailable(
        f"The key file {path} cannot be used: {error.strerror}.",
        code="embedded.key_unreadable",
        hint="Look at its path and its owner: it must be this user's.",
        path=str(path),
    )
