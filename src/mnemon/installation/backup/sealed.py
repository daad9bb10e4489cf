"""The format of every file in the directory of backups: compressed, encrypted with AES-256-GCM, whole or refused.

A header (magic, key id, salt, note) and chunks. Each file has a key of its own, derived (HKDF-SHA-256) from the data
key, a random salt, the header and the file's purpose: a file that was renamed or moved, or whose header was changed,
has another key and is refused. A chunk's nonce is its number and whether it is the last: chunks that were left out,
repeated, reordered or cut off at the end are noticed (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
Vizár, 2015).
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mnemon.installation.backup.errors import Damaged
from mnemon.installation.backup.keys import ID_BYTES, Keyring

MAGIC = b"MNEMONB1"
CHUNK = 1 << 20
TAG = 16
_SALT = 32
_FIXED = struct.Struct(f">8s{ID_BYTES}s{_SALT}sH")
#: Fast rather than small: level 6 takes three times as long for a tenth less.
_LEVEL = 1


def _cipher(key: bytes, header: bytes, purpose: str) -> AESGCM:
    info = b"mnemon backup file\0" + hashlib.sha256(header).digest() + purpose.encode()
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=info).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


class SealedWriter:
    """Writes one sealed file; without :meth:`close` it is not whole, and no reader takes it for whole.

    Args:
        file: where the sealed bytes go.
        keys: the newest encrypts.
        purpose: which file this is; a reader has to say the same.
        note: some values that can be read without decrypting the rest, though not changed; no secrets.
    """

    def __init__(self, file: BinaryIO, keys: Keyring, purpose: str, note: Mapping[str, Any] | None = None) -> None:
        name, key = keys.newest()
        header_note = json.dumps(note or {}, separators=(",", ":")).encode()
        header = _FIXED.pack(MAGIC, name, secrets.token_bytes(_SALT), len(header_note)) + header_note
        self._file = file
        self._cipher = _cipher(key, header, purpose)
        self._zlib = zlib.compressobj(_LEVEL)
        self._waiting = bytearray()
        self._number = 0
        self.sealed_bytes = len(header)
        self._hash = hashlib.sha256(header)
        file.write(header)

    @property
    def sha256(self) -> str:
        """Of the sealed bytes so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Add plain bytes."""
        self._waiting += self._zlib.compress(data)
        while len(self._waiting) > CHUNK:  # one byte more than a chunk: what is left over makes the last one
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def close(self) -> None:
        """Write what is left, marked as the end."""
        self._waiting += self._zlib.flush()
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), chunk, None)
        self._number += 1
        self.sealed_bytes += len(sealed)
        self._hash.update(sealed)
        self._file.write(sealed)


class SealedReader:
    """Reads one sealed file; every byte that :meth:`read` gives has been authenticated.

    Args:
        file: the sealed bytes.
        keys: those that may have encrypted it.
        purpose: as it was written for.
        name: what to call it in an error.

    Raises:
        Damaged: it is no such file, was changed or cut short, or belongs elsewhere.
        KeyMissing: its key is not here.
    """

    def __init__(self, file: BinaryIO, keys: Keyring, purpose: str, name: str) -> None:
        self._file, self._name = file, name
        key_name, header, self.note = read_header(file, name)
        self._cipher = _cipher(keys.find(key_name, name), header, purpose)
        self._zlib = zlib.decompressobj()
        self._number = 0
        self._next = file.read(CHUNK + TAG)
        self._left = b""
        self._plain = bytearray()
        self.sealed_bytes = len(header)
        self._hash = hashlib.sha256(header)
        if not self._next:
            raise self._damaged(b"", last=True)

    def read(self, size: int = -1) -> bytes:
        """Return plain bytes; fewer than asked for only at the end, and none after it."""
        while (size < 0 or len(self._plain) < size) and self._fill():
            pass
        if size < 0:
            size = len(self._plain)
        given = bytes(self._plain[:size])
        del self._plain[:size]
        return given

    @property
    def sha256(self) -> str | None:
        """Of the sealed bytes, once all of them have been read."""
        return None if self._next else self._hash.hexdigest()

    def _fill(self) -> bool:
        """Make some more plain bytes; False at the end."""
        if not self._left:
            if not self._next:
                return False
            self._left = self._open()
        # In steps: a chunk of zeros would unfold into a gigabyte at once.
        self._plain += self._zlib.decompress(self._left, 4 * CHUNK)
        self._left = self._zlib.unconsumed_tail
        if not self._left and not self._next and not self._zlib.eof:
            # The last chunk is in; zlib may still hold output back.
            self._plain += self._zlib.flush()
        return True

    def _open(self) -> bytes:
        sealed, self._next = self._next, b""
        following = self._file.read(CHUNK + TAG) if len(sealed) == CHUNK + TAG else b""
        last = not following
        self.sealed_bytes += len(sealed)
        self._hash.update(sealed)
        try:
            plain = self._cipher.decrypt(_nonce(self._number, last=last), sealed, None)
        except (InvalidTag, ValueError):
            raise self._damaged(sealed, last=last) from None
        self._number += 1
        self._next = following
        return plain

    def _damaged(self, sealed: bytes, *, last: bool) -> Damaged:
        """Tell a file that ends too soon from one that was changed."""
        cut = len(sealed) < CHUNK + TAG
        if last:
            try:
                self._cipher.decrypt(_nonce(self._number, last=False), sealed, None)
                cut = True
            except (InvalidTag, ValueError):
                pass
        return Damaged(
            f"{self._name} was changed{' or cut short' if cut else ''}: chunk {self._number + 1} is not what was "
            "written, or the file is not the one that it is named for.",
            hint="Take it from a copy, or use another backup. `mnemon backup verify` says what is whole.",
            file=self._name,
        )


def read_header(file: BinaryIO, name: str) -> tuple[bytes, bytes, dict[str, Any]]:
    """Return the key's id, the header as it stands and its note; the note is authentic once the file has been read.

    Raises:
        Damaged: it is no sealed file.
    """
    fixed = file.read(_FIXED.size)
    try:
        magic, key, _salt, length = _FIXED.unpack(fixed)
        raw_note = file.read(length)
        note = json.loads(raw_note) if magic == MAGIC and len(raw_note) == length else None
    except (struct.error, ValueError):
        note = None
    if not isinstance(note, dict):
        raise Damaged(
            f"{name} is no file of a backup, or its beginning was changed.",
            hint="Take it from a copy, or use another backup.",
            file=name,
        )
    return key, fixed + raw_note, note
