"""What erasure takes and gives."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mnemon.core.text import Label, Schema


class ErasureKind(StrEnum):
    """What can be erased."""

    USER = "user"
    CONVERSATION = "conversation"
    ORGANIZATION = "organization"


class Erase(Schema):
    """Whom or what to erase.

    Attributes:
        kind: a person, a conversation, or the organisation itself.
        name: its id; or the person's external id or e-mail address, the conversation's external id, the
            organisation's slug.
    """

    kind: ErasureKind
    name: Label


class Remnant(Schema):
    """Rows that still name what was erased."""

    table: str
    column: str
    rows: int


class ErasureReceipt(Schema):
    """That something was erased, and what was counted; it says nothing of what it was.

    Attributes:
        id: of this receipt; None if there was nothing left to erase.
        subject_id: the id of what was erased.
        already_erased: an earlier erasure left nothing to do.
        counts: removed rows, a table each.
        blanked: entries of the audit trail that lost their content.
        digest: SHA-256 over the hashes of the blanked entries, also kept in the trail.
        verification: the query that looks for what is left.
        remnants: what it found; empty, or the erasure would have been undone.
    """

    id: UUID | None
    kind: ErasureKind
    subject_id: UUID
    erased_at: datetime
    already_erased: bool = False
    counts: dict[str, int]
    blanked: int
    digest: str | None = None
    verification: str
    remnants: tuple[Remnant, ...] = ()

    @property
    def remaining(self) -> int:
        """Rows that still name it."""
        return sum(one.rows for one in self.remnants)
