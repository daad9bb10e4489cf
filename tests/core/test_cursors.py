"""Cursors: what was written is read again, and nothing else is taken."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon.core.cursors import read_cursor, write_cursor
from mnemon.core.errors import Invalid

MINE, OTHER = uuid4(), uuid4()
EARLIEST, LATEST = datetime(2, 1, 1), datetime(9998, 12, 31)  # noqa: DTZ001 - the strategy adds the zone
VALUES: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=1000),
    UUID: st.uuids(),
    datetime: st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)),
    date: st.dates(),
    time: st.times(),
}
ROWS = st.lists(st.sampled_from(sorted(VALUES, key=lambda kind: kind.__name__)), max_size=5).flatmap(
    lambda kinds: st.tuples(st.just(kinds), st.tuples(*(VALUES[kind] for kind in kinds)))
)


@given(ROWS)
def test_what_was_written_is_read_again(row: tuple[list[type], tuple[Any, ...]]) -> None:
    kinds, values = row
    cursor = write_cursor("a.list", MINE, values, kinds)
    assert read_cursor(cursor, "a.list", MINE, kinds) == values
    for name, organization, words in (("b.list", MINE, "another list"), ("a.list", OTHER, "another organisation")):
        with pytest.raises(Invalid, match=words):
            read_cursor(cursor, name, organization, kinds)


@given(cursor=st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_what_nobody_wrote_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_cursor(cursor, "a.list", MINE, (datetime, UUID))
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.cursor", "cursor")


@given(row=ROWS, more=st.binary(max_size=60), kinds=st.lists(st.sampled_from(list(VALUES)), max_size=4))
def test_values_that_are_no_such_values_are_refused(
    row: tuple[list[type], tuple[Any, ...]], more: bytes, kinds: list[type]
) -> None:
    """With the marks of the list and the organisation before them: what comes out is of its types, or nothing does."""
    begin = base64.urlsafe_b64decode(write_cursor("a.list", MINE, *reversed(row)) + "===")
    cursor = base64.urlsafe_b64encode(begin + more).decode().rstrip("=")
    found: tuple[Any, ...] = ()
    with contextlib.suppress(Invalid):
        found = read_cursor(cursor, "a.list", MINE, kinds)
        assert [type(value) for value in found] == kinds
    assert not any(isinstance(value, str) and "\x00" in value for value in found)
