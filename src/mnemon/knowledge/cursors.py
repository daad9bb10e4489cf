"""Where a page ended, as one opaque string: a moment and an id, the keys that a listing is ordered by."""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime
from uuid import UUID

from mnemon.core.errors import Invalid

_FORM = struct.Struct(">q16s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_cursor(moment: datetime, row_id: UUID) -> str:
    """The cursor of the page whose last row this is."""
    packed = _FORM.pack((moment - _EPOCH) // datetime.resolution, row_id.bytes)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(cursor: str | None) -> tuple[datetime | None, UUID | None]:
    """The moment and the id of a cursor; (None, None) for the first page.

    Raises:
        Invalid: the cursor is not one that a page gave.
    """
    if cursor is None:
        return None, None
    try:
        micros, raw = _FORM.unpack(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return _EPOCH + micros * datetime.resolution, UUID(bytes=raw)
    except (ValueError, struct.error, binascii.Error, OverflowError):
        raise Invalid(
            "The cursor is not one that a page gave.",
            code="invalid.cursor",
            hint="Pass the cursor of the page before, unchanged, or none for the first page.",
            field="cursor",
        ) from None
