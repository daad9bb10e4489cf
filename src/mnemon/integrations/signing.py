"""Signatures of webhook deliveries, in the form of Standard Webhooks (https://www.standardwebhooks.com).

Three headers: the message's id, the seconds since 1970, and ``v1,`` with the HMAC-SHA256 in base64 over
``<id>.<time>.<body>``. So an old one is worth nothing, and any library of that form checks it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

PREFIX = "whsec_"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = 300
"""Seconds that a receiver's clock may differ."""


def new_secret() -> str:
    """Return a fresh secret: 32 random bytes in base64, after ``whsec_``."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, message_id: str, body: bytes, at: datetime) -> dict[str, str]:
    """Return the three headers that sign a body.

    Args:
        secret: ``whsec_`` and base64; one that begins otherwise is base64 alone.
        message_id: the same in every attempt, so that a receiver can tell a repetition.
        body: as it is sent.
        at: the moment of the attempt.

    Raises:
        ValueError: the secret is no base64.
    """
    moment = int(at.timestamp())
    return {
        ID: message_id,
        TIMESTAMP: str(moment),
        SIGNATURE: f"v1,{_digest(secret, message_id, moment, body)}",
    }


def verify(secret: str, body: bytes, headers: Mapping[str, str], *, now: datetime, tolerance: int = TOLERANCE) -> bool:
    """Tell whether the headers sign this body with this secret, now give or take ``tolerance`` seconds.

    Several signatures may stand in the header, while a secret is being changed: one that is right will do.

    Args:
        secret: as registering gave it.
        body: as it was received, not parsed and written again.
        headers: their names in lower case.
        now: the present moment.
        tolerance: seconds.
    """
    message_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return False
    moment = int(timestamp)
    if abs(int(now.timestamp()) - moment) > tolerance:
        return False
    try:
        expected = _digest(secret, message_id, moment, body).encode()
    except ValueError:
        return False
    parts = (part.partition(",") for part in headers.get(SIGNATURE, "").split(" "))
    signatures = [value.encode("utf-8", "surrogatepass") for version, _, value in parts if version == "v1"]
    return any(hmac.compare_digest(expected, signature) for signature in signatures)


def _digest(secret: str, message_id: str, moment: int, body: bytes) -> str:
    signed = f"{message_id}.{moment}.".encode() + body
    return base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    """Return the bytes of a secret; those of before this form are base64 for addresses, without its end."""
    encoded = secret.removeprefix(PREFIX).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise ValueError("the secret is no base64") from None
