"""Where a page of a list ended, as one opaque string.

A cursor holds the values that the page's last row is ordered by, so that the next page begins after that row, whatever
was added or removed meanwhile. It names its list and its organisation; for any other it is refused. It is no secret and
no permission: who forges one begins at another place of what they may see anyway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from mnemon.core.errors import Invalid

_VERSION = 1
_FORM = re.compile(r"[A-Za-z0-9_-]+\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIDNIGHT = datetime(1970, 1, 1)  # noqa: DTZ001 - for times of day, which have no zone
_TAG = 4  # bytes of each mark
_MARKS = 1 + 2 * _TAG
_LONG = struct.Struct(">q")
_REAL = struct.Struct(">d")

#: How a value becomes bytes, and back.
_KINDS: dict[type, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    bool: (lambda value: bytes([value]), lambda raw: {b"\x00": False, b"\x01": True}[raw]),
    int: (_LONG.pack, lambda raw: _LONG.unpack(raw)[0]),
    float: (_REAL.pack, lambda raw: _number(_REAL.unpack(raw)[0])),
    str: (str.encode, lambda raw: _text(raw.decode())),
    UUID: (lambda value: value.bytes, lambda raw: UUID(bytes=raw)),
    datetime: (
        lambda value: _LONG.pack((value - _EPOCH) // datetime.resolution),
        lambda raw: _moment(_LONG.unpack(raw)[0]),
    ),
    date: (lambda value: _LONG.pack(value.toordinal()), lambda raw: date.fromordinal(_LONG.unpack(raw)[0])),
    time: (
        lambda value: _LONG.pack((datetime.combine(_MIDNIGHT, value) - _MIDNIGHT) // datetime.resolution),
        lambda raw: _time(_LONG.unpack(raw)[0]),
    ),
}


def write_cursor(name: str, organization_id: UUID, values: Sequence[Any], kinds: Sequence[type]) -> str:
    """Give the cursor of a page whose last row is ordered by these values.

    Args:
        name: the list.
        organization_id: whose list it is.
        values: what the row is ordered by.
        kinds: the types of the values.
    """
    parts = [bytes([_VERSION]), *_marks(name, organization_id)]
    for value, kind in zip(values, kinds, strict=True):
        raw = _KINDS[kind][0](value)
        parts += [len(raw).to_bytes(2, "big"), raw]
    return base64.urlsafe_b64encode(b"".join(parts)).decode().rstrip("=")


def read_cursor(cursor: str, name: str, organization_id: UUID, kinds: Sequence[type]) -> tuple[Any, ...]:
    """Give the values that a page's last row was ordered by.

    Raises:
        Invalid: the cursor is none that a page of this list, in this organisation, gave.
    """
    raw = _decoded(cursor)
    if raw is None or len(raw) < _MARKS or raw[0] != _VERSION:
        raise _refused("The cursor is not one that a page gave.")
    of_list, of_organization = _marks(name, organization_id)
    if raw[1 : 1 + _TAG] != of_list:
        raise _refused("The cursor is of another list.")
    if raw[1 + _TAG : _MARKS] != of_organization:
        raise _refused("The cursor is of another organisation.")
    try:
        return _values(raw[_MARKS:], kinds)
    except (ValueError, KeyError, OverflowError, struct.error):
        raise _refused("The cursor is not one that a page gave.") from None


def _values(raw: bytes, kinds: Sequence[type]) -> tuple[Any, ...]:
    values: list[Any] = []
    offset = 0
    for kind in kinds:
        head, offset = raw[offset : offset + 2], offset + 2
        if len(head) != 2:
            raise ValueError(offset)
        size = int.from_bytes(head, "big")
        part, offset = raw[offset : offset + size], offset + size
        if len(part) != size:
            raise ValueError(offset)
        values.append(_KINDS[kind][1](part))
    if offset != len(raw):
        raise ValueError(offset)
    return tuple(values)


def _decoded(cursor: str) -> bytes | None:
    if not _FORM.match(cursor):  # the decoder would pass over what is no digit
        return None
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (ValueError, binascii.Error):
        return None


def _marks(name: str, organization_id: UUID) -> tuple[bytes, bytes]:
    return (
        hashlib.blake2b(name.encode(), digest_size=_TAG).digest(),
        hashlib.blake2b(organization_id.bytes, digest_size=_TAG).digest(),
    )


def _moment(micros: int) -> datetime:
    moment = _EPOCH + micros * datetime.resolution
    # The first and the last moment that Python knows are the driver's words for the infinities.
    if not 2 <= moment.year <= 9998:
        raise ValueError(micros)
    return moment


def _time(micros: int) -> time:
    span = timedelta(microseconds=micros)
    if not timedelta() <= span < timedelta(days=1):
        raise ValueError(micros)
    return (_MIDNIGHT + span).time()


def _text(value: str) -> str:
    if "\x00" in value:
        raise ValueError(value)
    return value


def _number(value: float) -> float:
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(value)
    return value


def _refused(message: str) -> Invalid:
    return Invalid(
        message,
        code="invalid.cursor",
        hint="Pass the cursor of the page before, unchanged, or none for the first page.",
        field="cursor",
    )
