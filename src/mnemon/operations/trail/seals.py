"""What the process signs of the trail: blocks, what retention may take, what erasure has blanked.

A signature is an HMAC-SHA256 with a key that is derived from the installation's. Each kind of statement begins with
words of its own, so that none can pass for another. The key never goes to the database.
"""

from __future__ import annotations

import enum
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from mnemon.core.installation import InstallationKey

_PURPOSE = "audit chain"
_MOST = 2**63 - 1


class SealKind(enum.StrEnum):
    """What is signed."""

    BLOCK = "block"
    LEGACY = "legacy block"
    RETENTION = "retention"
    ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class Block:
    """What a signature of a block covers: the hash, which holds the blocks before it, and what the hash has not.

    Attributes:
        kept: SHA-256 over the hashes of the rows' lasting columns.
        sealed_us: when it was sealed, in microseconds since 1970.
    """

    organization: UUID
    number: int
    hash: bytes
    kept: bytes
    sealed_us: int


@dataclass(frozen=True, slots=True)
class Retention:
    """That rows of the trail before a time are gone by its rule.

    Attributes:
        organization: whose trail; the installation's id stands for all.
        until_us: rows before it may be gone, in microseconds since 1970.
        days: the rule at that time; 0: what had gone when the trail was first signed here.
        made_us: when it was signed.
    """

    organization: UUID
    until_us: int
    days: int
    made_us: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """That an erasure has blanked these entries and no others.

    Attributes:
        rows: how many.
        digest: SHA-256 over their ids and hashes.
    """

    organization: UUID
    receipt: str
    rows: int
    digest: bytes


Statement = Block | Retention | Receipt


class Sealer:
    """Signs with the newest key of the installation, and recognises what any of its keys has signed."""

    def __init__(self, installation: InstallationKey) -> None:
        self._keys = {name: installation.derive(_PURPOSE, name) for name in installation.ids}
        self.key = installation.newest

    def __repr__(self) -> str:
        return f"Sealer({', '.join(name.hex() for name in self._keys)})"

    def sign(self, kind: SealKind, statement: Statement) -> bytes:
        """Sign under the newest key."""
        return hmac.digest(self._keys[self.key], _words(kind, statement), "sha256")

    def knows(self, key: bytes | None) -> bool:
        """Tell whether this is one of the installation's keys."""
        return key in self._keys

    def signed(self, kind: SealKind, statement: Statement, mac: bytes | None, key: bytes | None) -> bool:
        """Tell whether a signature is of this installation and of this statement."""
        secret = self._keys.get(key) if key is not None else None
        if secret is None or mac is None:
            return False
        return hmac.compare_digest(hmac.digest(secret, _words(kind, statement), "sha256"), mac)


def _words(kind: SealKind, statement: Statement) -> bytes:
    """Write a statement in one form: its kind, then each part with its length."""
    parts: list[bytes]
    match statement:
        case Block(organization, number, digest, kept, sealed_us):
            parts = [organization.bytes, _number(number), digest, kept, _number(sealed_us)]
        case Retention(organization, until_us, days, made_us):
            parts = [organization.bytes, _number(until_us), _number(days), _number(made_us)]
        case Receipt(organization, receipt, rows, digest):
            parts = [organization.bytes, receipt.encode("utf-8", "surrogatepass"), _number(rows), digest]
    parts_to_sign = [f"mnemon audit {kind}".encode(), *parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts_to_sign)


def _number(value: int) -> bytes:
    return max(-_MOST, min(value, _MOST)).to_bytes(8, "big", signed=True)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment_of(us: int) -> datetime:
    """Return the moment of so many microseconds since 1970.

    Raises:
        OverflowError: no calendar has it.
    """
    from datetime import timedelta

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
