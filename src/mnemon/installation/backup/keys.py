"""The keys that backups are encrypted with: from the environment, a file or a program; never an argument."""

from __future__ import annotations

import hashlib
import stat
import subprocess
from dataclasses import dataclass, field

from mnemon.core import trust
from mnemon.core.crypto import parse_keys
from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings
from mnemon.installation.backup.errors import KeyMissing, NotConfigured

ID_BYTES = 8
_COMMAND_SECONDS = 60


@dataclass(frozen=True)
class Keyring:
    """Keys by their ids; the first encrypts, all decrypt."""

    _keys: dict[bytes, bytes] = field(repr=False)

    @classmethod
    def of(cls, *keys: bytes) -> Keyring:
        """Make the keyring of keys of 32 bytes, the newest first."""
        return cls({key_id(key): key for key in keys})

    def newest(self) -> tuple[bytes, bytes]:
        """Return the id and the key that encrypts."""
        return next(iter(self._keys.items()))

    def find(self, wanted: bytes, what: str) -> bytes:
        """Return the key with an id.

        Raises:
            KeyMissing: it is not here.
        """
        key = self._keys.get(wanted)
        if key is None:
            known_ids = ", ".join(key_id.hex() for key_id in self._keys)
            raise KeyMissing(
                f"{what} was encrypted with the key {wanted.hex()}, which is not here; here is {known_ids}.",
                hint="Add that key to MNEMON_BACKUP_KEY (or its file, or what its program prints), after a comma. "
                "Without it nobody can read the backup.",
                key=wanted.hex(),
            )
        return key


def key_id(key: bytes) -> bytes:
    """Return what a key is called in files and messages; says nothing about the key."""
    return hashlib.sha256(b"mnemon backup key\0" + key).digest()[:ID_BYTES]


def load_keys(settings: Settings) -> Keyring:
    """Return the keys that the settings name.

    Raises:
        NotConfigured: none is named, or more than one place.
        Invalid: what stands there is no key; it is not repeated.
    """
    places = (settings.backup_key, settings.backup_key_file, settings.backup_key_command)
    if sum(1 for source in places if source) != 1:
        raise NotConfigured(
            "No key for backups is set." if not any(places) else "More than one place names the key for backups.",
            code="backup.no_key",
            hint="Set one of MNEMON_BACKUP_KEY, MNEMON_BACKUP_KEY_FILE and MNEMON_BACKUP_KEY_COMMAND. "
            "`openssl rand -base64 32` prints a key; keep a copy of it elsewhere: without it no backup can be read.",
        )
    text = settings.backup_key.get_secret_value() if settings.backup_key else _outside(settings)
    try:
        return Keyring.of(*parse_keys(text.strip()))
    except ValueError as error:
        raise Invalid(
            f"The key for backups: {error}.",
            code="backup.key_unreadable",
            hint="`openssl rand -base64 32` prints one.",
        ) from None


def _outside(settings: Settings) -> str:
    """Read the key from a file that only its owner can read, or from what a program prints."""
    if settings.backup_key_file is not None:
        path = settings.backup_key_file.expanduser()
        try:
            information = path.stat()
            text = path.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Invalid(
                f"The file of the key for backups cannot be read: {reason}.",
                code="backup.key_unreadable",
                hint="Look at MNEMON_BACKUP_KEY_FILE and at who may read the file.",
                path=str(path),
            ) from None
        if stat.S_ISREG(information.st_mode) and information.st_mode & 0o007:
            raise Invalid(
                "Everybody on this machine may read or change the file of the key for backups.",
                code="backup.key_open",
                hint=f"Close it: chmod o= {path}",
                path=str(path),
            )
        return text
    try:
        process = subprocess.run(  # noqa: S603 - the operator's own program
            trust.command_words(settings.backup_key_command or "", "MNEMON_BACKUP_KEY_COMMAND"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=True,
        )
    except Invalid as error:
        raise Invalid(error.message, code="backup.key_unreadable", hint=error.hint) from None
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Invalid(
            f"The program of MNEMON_BACKUP_KEY_COMMAND gave no key: {_reason(error)}.",
            code="backup.key_unreadable",
            hint="Run it by hand as the same user; it prints the key and ends with 0.",
        ) from None
    return process.stdout


def _reason(error: Exception) -> str:
    """Return why a program failed; never what it printed, which may be the key."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"it ended with {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it did not end within {_COMMAND_SECONDS} seconds"
    return error.strerror or "it cannot be started" if isinstance(error, OSError) else "its words cannot be parsed"
