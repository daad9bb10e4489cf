"""Guesses are counted and slowed down before anything is compared: by person and by address, whatever is guessed at.

The count is a transaction of its own, committed before the comparison: an attempt that fails, or whose process ends
half-way, stays counted, and of many at once no more are let through than one after the other
(``sql/objects/40_attempts.sql`` has the numbers).

A person who is guessed at from anywhere waits an hour at most, and not at all where a session of theirs was begun from
in the last 90 days: such a place has a count of its own. So nobody can be locked out by somebody elsewhere.
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import MnemonError, Unauthenticated
from mnemon.identity import repository_secrets

Address = IPv4Address | IPv6Address

#: How long a place where a session was begun is one of the person's.
FAMILIAR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was counted and may be made."""

    person: bytes | None
    address: bytes | None
    factor: bool
    person_until: datetime | None
    address_until: datetime | None


def person(organization_id: UUID, user_id: UUID, familiar: Address | None) -> str:
    """Return what a person's attempts are counted under; those from one of their own places apart."""
    return f"person:{organization_id}:{user_id}:{familiar or ''}"


def nobody(email: str) -> str:
    """Return what attempts at an e-mail address that nobody has are counted under."""
    return f"email:{email.lower()}"


def place(address: Address | None) -> str | None:
    """Return what attempts from an address are counted under: of IPv6 the network, which is one customer's."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return f"address:{IPv6Network((address, 64), strict=False)}"
    return None if address is None else f"address:{getattr(address, 'ipv4_mapped', None) or address}"


async def begin(ctx: Context, who: str | None, where: str | None, *, factor: bool = False) -> Attempt | timedelta:
    """Count an attempt; how long to wait where it may not be made: then it was not counted, nor may it be compared."""
    subject, address = (None if one is None else _subject(ctx, one) for one in (who, where))
    async with ctx.database.untenanted() as connection:
        row = await repository_secrets.begin_attempt(connection, subject, address, factor, ctx.clock.now())
    if row["retry_after"] is not None:
        wait: timedelta = row["retry_after"]
        return wait
    return Attempt(subject, address, factor, row["person_until"], row["address_until"])


async def waits(ctx: Context, where: str) -> timedelta | None:
    """Return how long attempts from somewhere wait, without counting one; None: they do not."""
    async with ctx.database.untenanted() as connection:
        return await repository_secrets.attempt_waits(connection, _subject(ctx, where), ctx.clock.now())


async def settle(ctx: Context, attempt: Attempt) -> None:
    """Note that an attempt was right."""
    async with ctx.database.untenanted() as connection:
        await repository_secrets.settle_attempt(
            connection,
            [attempt.person, attempt.address, attempt.factor, attempt.person_until, attempt.address_until],
        )


def too_many(wait: timedelta, *, code: str, field: str, kind: type[MnemonError] = Unauthenticated) -> MnemonError:
    """Too many attempts: when the next one may be made."""
    seconds = max(math.ceil(wait.total_seconds()), 1)
    unit = f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
    return kind(
        "Too many attempts were made.", code=code, hint=f"Try again in {unit}.", field=field, retry_after=seconds
    )


def _subject(ctx: Context, name: str) -> bytes:
    """Return what the database knows somebody or somewhere by: it cannot be read back, or made without the key."""
    return hmac.digest(ctx.database.installation.derive("sign-in attempts"), name.encode(), "sha256")
