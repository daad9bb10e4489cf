"""Signatures of webhook deliveries: HMAC-SHA256 over the time and the body, so that an old one is worth nothing."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime

HEADER = "Mnemon-Signature"
TOLERANCE = 300
"""Seconds that a receiver's clock may differ."""


def sign(secret: str, body: bytes, at: datetime) -> str:
    """Return the header's value: ``t=<seconds since 1970>,v1=<hex of HMAC-SHA256(secret, "<t>.<body>")>``."""
    moment = int(at.timestamp())
    return f"t={moment},v1={_digest(secret, moment, body)}"


def verify(secret: str, body: bytes, header: str, *, now: datetime, tolerance: int = TOLERANCE) -> bool:
    """Tell whether the header signs this body with this secret, now give or take ``tolerance`` seconds.

    Several ``v1`` may stand in a header, while a secret is being changed: one that is right will do.
    """
    parts = list(_parts(header))
    times = [value for key, value in parts if key == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 15):
        return False
    moment = int(times[0])
    if abs(int(now.timestamp()) - moment) > tolerance:
        return False
    expected = _digest(secret, moment, body).encode()
    given = [value.encode("utf-8", "surrogatepass") for key, value in parts if key == "v1"]
    return any(hmac.compare_digest(expected, one) for one in given)


def _digest(secret: str, moment: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def _parts(header: str) -> Iterator[tuple[str, str]]:
    for piece in header.split(","):
        key, _, value = piece.strip().partition("=")
        yield key, value
