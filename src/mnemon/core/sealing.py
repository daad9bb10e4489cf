"""Sealing a stream: AES-256-GCM in chunks, whole or refused, in constant memory.

A header (magic, the key's name, a salt) and chunks. Each stream has a key of its own, derived (HKDF-SHA-256) from the
key, the header and what the stream is for: bytes that were moved elsewhere have another key. A chunk's nonce is its
number and whether it is the last, so that chunks that were left out, repeated, reordered or cut off are noticed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import TYPE_CHECKING

from mnemon.core.errors import Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"MNEMONA1"
CHUNK = 1 << 18
_TAG, _SALT, _NAME = 16, 32, 4
HEADER = len(MAGIC) + _NAME + _SALT


def sealed_size(size: int) -> int:
    """Return how many bytes so many are when they are sealed."""
    return HEADER + size + _TAG * max(1, -(-size // CHUNK))


async def seal(chunks: AsyncIterable[bytes], keys: Sequence[bytes], purpose: str) -> AsyncIterator[bytes]:
    """Yield the sealed bytes.

    Args:
        chunks: plain bytes, of any length each.
        keys: 32 bytes each, the newest first; that one seals.
        purpose: what the stream is and whose; unsealing wants the same.

    Raises:
        Unavailable: there is no key.
    """
    if not keys:
        raise Unavailable(
            "A file is to be stored and there is no key to encrypt it with.",
            code="unavailable.secret_key",
            hint="Set MNEMON_SECRET_KEY to 32 random bytes in base64, such as `openssl rand -base64 32` prints, "
            "and keep it: without it no file can be read again.",
        )
    header = MAGIC + _name(keys[0]) + secrets.token_bytes(_SALT)
    cipher = _cipher(keys[0], header, purpose)
    yield header
    waiting, number = bytearray(), 0
    async for chunk in chunks:
        waiting += chunk
        while len(waiting) > CHUNK:  # what is left over makes the last one
            yield cipher.encrypt(_nonce(number, last=False), bytes(waiting[:CHUNK]), None)
            del waiting[:CHUNK]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(waiting), None)


async def unseal(chunks: AsyncIterable[bytes], keys: Sequence[bytes], purpose: str) -> AsyncIterator[bytes]:
    """Yield the plain bytes; none of a chunk that is not as it was sealed.

    Raises:
        Unavailable: the key is not among the keys, or the bytes were changed, moved or cut off.
    """
    from cryptography.exceptions import InvalidTag

    waiting, number, cipher = bytearray(), 0, None
    try:
        async for chunk in chunks:
            waiting += chunk
            if cipher is None and len(waiting) >= HEADER:
                header = bytes(waiting[:HEADER])
                cipher = _cipher(_key(header, keys), header, purpose)
                del waiting[:HEADER]
            while cipher is not None and len(waiting) > CHUNK + _TAG:
                yield cipher.decrypt(_nonce(number, last=False), bytes(waiting[: CHUNK + _TAG]), None)
                del waiting[: CHUNK + _TAG]
                number += 1
        if cipher is None:
            raise _unreadable()
        yield cipher.decrypt(_nonce(number, last=True), bytes(waiting), None)
    except InvalidTag:
        raise _unreadable() from None


def _name(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:_NAME]


def _key(header: bytes, keys: Sequence[bytes]) -> bytes:
    if not header.startswith(MAGIC):
        raise _unreadable()
    name = header[len(MAGIC) : len(MAGIC) + _NAME]
    for key in keys:
        if _name(key) == name:
            return key
    raise Unavailable(
        "The file was encrypted with a key that is not here.",
        code="unavailable.secret_key",
        hint="Add the key it was encrypted with to MNEMON_SECRET_KEY, after a comma.",
        key=name.hex(),
    )


def _cipher(key: bytes, header: bytes, purpose: str) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = b"mnemon asset\0" + hashlib.sha256(header).digest() + purpose.encode()
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=info).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _unreadable() -> Unavailable:
    return Unavailable(
        "The stored bytes cannot be read: they were changed, cut off, or belong to something else.",
        code="unavailable.asset_unreadable",
        hint="Restore the object store from its backup, or store the file again.",
    )
