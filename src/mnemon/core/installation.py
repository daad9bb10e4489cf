"""The installation's key: what a process proves by that it is Mnemon, and signs the trail with.

It is one secret of 32 random bytes for the whole installation. Each use has a key of its own, derived from it (HKDF
with SHA-256, RFC 5869), so that what one of them gives away tells nothing of the others. The database has the one that
it must check proofs with, in a table that only the schema's owner reads, and never the secret itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from mnemon.core.crypto import KEY_BYTES, parse_keys
from mnemon.core.errors import Invalid, Unavailable

KEY_ID_BYTES = 4
_LONGEST = 4096


class HasKey(Protocol):
    """Settings that may name the key."""

    installation_key: SecretStr | None
    installation_key_file: Path | None


class InstallationKey:
    """The secret of an installation, or several while it is changed: the first signs, all are recognised.

    Args:
        keys: 32 bytes each, the newest first; at least one.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("an installation has at least one key")
        self._keys = {key_id(key): key for key in keys}
        self._newest = key_id(keys[0])

    def __repr__(self) -> str:
        return f"InstallationKey({', '.join(name.hex() for name in self._keys)})"

    @classmethod
    def new(cls) -> InstallationKey:
        """Return a fresh one."""
        return cls((secrets.token_bytes(KEY_BYTES),))

    @classmethod
    def of(cls, settings: HasKey) -> InstallationKey | None:
        """Return the one that the settings name, None if they name none.

        Raises:
            Invalid: the file cannot be read, others may read it, or it holds no key.
        """
        if settings.installation_key is not None:
            return cls(parse_keys(settings.installation_key.get_secret_value()))
        if settings.installation_key_file is not None:
            return read(settings.installation_key_file.expanduser())
        return None

    @property
    def newest(self) -> bytes:
        """The id of the key that signs: the first bytes of its SHA-256, which tell nothing of it."""
        return self._newest

    @property
    def ids(self) -> tuple[bytes, ...]:
        """The ids of all keys, the newest first."""
        return tuple(self._keys)

    def derive(self, purpose: str, key: bytes | None = None) -> bytes:
        """Return the 32 bytes for one purpose, of the newest key or of the one with this id.

        Raises:
            KeyError: there is no key with this id.
        """
        secret = self._keys[self._newest if key is None else key]
        extracted = hmac.digest(b"mnemon installation", secret, "sha256")
        return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")

    def text(self) -> str:
        """Return what ``MNEMON_INSTALLATION_KEY`` takes; a secret."""
        return ",".join(base64.b64encode(key).decode() for key in self._keys.values())


def key_id(key: bytes) -> bytes:
    """Return what a key is called."""
    return hashlib.sha256(b"mnemon installation key id" + key).digest()[:KEY_ID_BYTES]


def read(path: Path) -> InstallationKey:
    """Return the key in a file.

    Raises:
        Invalid: the file cannot be read, belongs to somebody else, others may read or change it, or it holds no key.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(_LONGEST)
    except OSError as error:
        raise Invalid(
            f"The installation key in {path} cannot be read: {error.strerror}.",
            code="invalid.installation_key",
            hint="Put the file back, or set MNEMON_INSTALLATION_KEY to what was in it.",
            field="installation_key_file",
        ) from None
    if status.st_uid not in {0, os.geteuid()}:
        raise Invalid(
            f"The installation key in {path} belongs to another user, who may have planted it.",
            code="invalid.installation_key_owner",
            hint="Look at it and remove it, or let its owner run Mnemon.",
            field="installation_key_file",
        )
    if stat.S_IMODE(status.st_mode) & 0o027:
        raise Invalid(
            f"Others than its owner may read or change the installation key in {path}.",
            code="invalid.installation_key_open",
            hint=f"Run: chmod 600 {shlex.quote(str(path))}",
            field="installation_key_file",
        )
    try:
        return InstallationKey(parse_keys(text.decode("ascii", "replace").strip()))
    except ValueError:
        raise Invalid(
            f"{path} holds no installation key: 32 random bytes in base64, on one line.",
            code="invalid.installation_key",
            hint="Put the file back, or set MNEMON_INSTALLATION_KEY to what was in it.",
            field="installation_key_file",
        ) from None


def read_or_make(path: Path) -> InstallationKey:
    """Return the key in a file that only this account reads; the file is made if there is none, whole or not at all.

    Raises:
        Invalid: as :func:`read`.
        Unavailable: there is none and it cannot be made.
    """
    try:
        is_link, is_there = path.is_symlink(), path.exists()
    except OSError as error:
        raise Unavailable(
            f"The installation's key cannot be looked for in {path}: {error.strerror}.",
            code="unavailable.installation_key",
            hint="Set MNEMON_DATA_DIR to a directory that this user can write, or MNEMON_INSTALLATION_KEY_FILE to a "
            "file that it can read.",
        ) from None
    if is_link:
        raise Invalid(
            f"{path} is a symbolic link.",
            code="invalid.installation_key",
            hint="Put the key's file itself there, or name it in MNEMON_INSTALLATION_KEY_FILE.",
            field="installation_key_file",
        )
    if not is_there:
        _make(path)
    return read(path)


def refuse_unmakeable(path: Path) -> None:
    """Refuse a place where there is no key and none can be made, before anything else is made for it.

    Raises:
        Unavailable: there is none, and the directory is there and cannot be written.
    """
    try:
        is_there, parent = os.path.lexists(path), path.parent.is_dir()
    except OSError:
        return  # who reads it says more
    if not is_there and parent and not os.access(path.parent, os.W_OK | os.X_OK):
        raise _unkept(path, "its directory cannot be written")


def _unkept(path: Path, why: str) -> Unavailable:
    below = path.with_name(path.name.removesuffix(".key")) / "data"
    return Unavailable(
        f"The installation's key cannot be kept in {path}: {why}.",
        code="unavailable.installation_key",
        hint=f"It lies beside the data directory: set MNEMON_DATA_DIR to a directory within one that can be written, "
        f"such as {below}; or set MNEMON_INSTALLATION_KEY, or name a file in MNEMON_INSTALLATION_KEY_FILE.",
        path=str(path),
    )


def _make(path: Path) -> None:
    written = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        fd = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="ascii") as file:
                file.write(InstallationKey.new().text() + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(written, path)  # the first of several processes wins; nothing is written over
        except FileExistsError:
            pass
        finally:
            written.unlink()
    except OSError as error:
        raise _unkept(path, error.strerror or type(error).__name__) from None
