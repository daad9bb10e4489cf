"""What erasure takes and gives."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from mnemon.core.text import Label, Schema


class ErasureKind(StrEnum):
    """What can be erased."""

    USER = "user"
    CONVERSATION = "conversation"
    ORGANIZATION = "organization"


class NameField(StrEnum):
    """What a name is."""

    ID = "id"
    EXTERNAL_ID = "external_id"
    EMAIL = "email"
    SLUG = "slug"


class ErasurePreview(Schema):
    """What an erasure would do now; it says nothing of what it would take.

    Attributes:
        subject_id: the id of what would be erased.
        label: what it is called, for a person to see.
        counts: rows that would go, a table each.
        detached: rows that stay and lose a reference or a summary, a table each.
        blanked: entries of the audit trail that would lose their content.
    """

    kind: ErasureKind
    subject_id: UUID
    label: str | None = None
    counts: dict[str, int]
    detached: dict[str, int]
    blanked: int


class Erase(Schema):
    """Whom or what to erase.

    Attributes:
        kind: a person, a conversation, or the organisation itself.
        name: its id; or the person's external id or e-mail address, the conversation's external id, the
            organisation's slug.
        by: which of these the name is. Without it a name that means more than one is refused.
        preview: what was shown and confirmed; the subject has to be the same still.
    """

    kind: ErasureKind
    name: Label
    by: NameField | None = None
    preview: ErasurePreview | None = None


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
        detached: rows that stayed and lost a reference or a summary, a table each.
        grown: where more rows went than the preview had shown: how many more, a table each.
        blanked: entries of the audit trail that lost their content.
        digest: SHA-256 over what is left of the blanked entries, also kept in the trail.
        verification: the query that looks for what is left.
        remnants: what it found; empty, or the erasure would have been undone.
    """

    id: UUID | None
    kind: ErasureKind
    subject_id: UUID
    erased_at: datetime
    already_erased: bool = False
    counts: dict[str, int]
    detached: dict[str, int] = Field(default_factory=dict)
    grown: dict[str, int] = Field(default_factory=dict)
    blanked: int
    digest: str | None = None
    verification: str
    remnants: tuple[Remnant, ...] = ()

    @property
    def remaining(self) -> int:
        """Rows that still name it."""
        return sum(one.rows for one in self.remnants)
