"""Identifiers: random UUIDs for rows, stable UUIDs for what must come out the same twice."""

from __future__ import annotations

import hashlib
import uuid


def new_id() -> uuid.UUID:
    """Return a random UUID (version 4, REQ-T104)."""
    return uuid.uuid4()


def digest(*parts: str) -> str:
    """Return a 32-character digest of the parts, stable across processes and releases; for ids, not for secrets."""
    h = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        h.update(len(raw).to_bytes(8, "big"))
        h.update(raw)
    return h.hexdigest()
