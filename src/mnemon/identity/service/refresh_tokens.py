"""Refresh tokens that name their session, so that every one it ever had is recognised and none need be kept.

A token is ``mnr_`` and, in base64, the session's id, 32 random bytes, and half an HMAC-SHA256 over both. The database
has the hash of the one that may be exchanged. Any other whose HMAC is right was exchanged before.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from uuid import UUID

from mnemon.context import Context

PREFIX = "mnr_"
_ID, _RANDOM, _SEAL = 16, 32, 16


def new_refresh_token(ctx: Context, session_id: UUID) -> str:
    """Return a fresh token of a session."""
    body = session_id.bytes + secrets.token_bytes(_RANDOM)
    return PREFIX + base64.urlsafe_b64encode(body + _seal(ctx, body)).decode().rstrip("=")


def session_of(ctx: Context, token: str) -> UUID | None:
    """Return the session that a token of ours was made for; None if it is none, or too old to name its session."""
    if not token.startswith(PREFIX):
        return None
    text = token.removeprefix(PREFIX)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    body, seal = raw[: _ID + _RANDOM], raw[_ID + _RANDOM :]
    if len(raw) != _ID + _RANDOM + _SEAL or not hmac.compare_digest(seal, _seal(ctx, body)):
        return None
    return UUID(bytes=body[:_ID])


def _seal(ctx: Context, body: bytes) -> bytes:
    return hmac.digest(ctx.database.installation.derive("refresh tokens"), body, "sha256")[:_SEAL]
