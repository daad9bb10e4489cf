"""Names: what nobody sees at their ends is not theirs, and one that nobody sees is none."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon.core.errors import Invalid
from mnemon.core.text import Key, Label, Schema, Tags, parse, trimmed

#: White space of every kind, zero-width and other characters of format, controls and fillers.
UNSEEN = (
    *" \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u1680\u2000\u2003\u2009\u2028\u2029\u202f\u205f\u3000",
    *"\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\ufeff\xad\u180e\u061c",
    *"\x01\x7f\u115f\u1160\u2800\u3164\uffa0\u034f",
)
#: Characters of format that belong to what is seen, and letters that are made of several characters.
WHOLE = (
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\u2764\ufe0f",
    "\U0001f469\u200d\U0001f680",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u0601\u0661\u0662",
    "\u062f\u06dd",
)


class Named(Schema):
    name: Label | None = None
    key: Key | None = None
    tags: Tags = ()


def code(**fields: Any) -> str | None:
    try:
        parse(Named, fields)
    except Invalid as error:
        return error.code
    return None


@pytest.mark.parametrize("character", UNSEEN, ids=lambda character: f"U+{ord(character):04X}")
def test_what_nobody_sees_is_no_part_of_a_name(character: str) -> None:
    assert parse(Named, {"name": f"{character}Rosa L\xfcz{character * 2}"}).name == "Rosa L\xfcz"
    assert code(name=character) == "invalid.blank"
    assert code(name=f" {character}\u200b ") == "invalid.blank"
    assert code(tags=["tea", character]) == "invalid.blank"
    assert code(key=character) == "invalid.blank"
    assert parse(Named, {"key": f"{character}7 "}).key == f"{character}7 ", "an id is kept letter by letter"


@pytest.mark.parametrize("name", WHOLE, ids=ascii)
def test_what_is_seen_is_kept_whole(name: str) -> None:
    assert trimmed(name) == name
    assert parse(Named, {"name": f"\ufeff{name} "}).name == name


def test_names_are_told_apart_by_what_is_seen() -> None:
    assert parse(Named, {"name": "Jose\u0301 "}).name == parse(Named, {"name": "Jos\xe9"}).name
    assert parse(Named, {"tags": ["tea", " tea", "tea\u200b", "Tea"]}).tags == ("tea", "Tea")
    assert parse(Named, {"name": "x" * 255 + "  "}).name == "x" * 255
    assert code(name="x" * 256) == "invalid.string_too_long"
    assert code(name="a\x00b") == code(name="\ud800") == code(key="\x00") == "invalid.characters"
    assert code(name="") == "invalid.string_too_short"
    assert code(name=7) == "invalid.string_type"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12))
def test_a_trimmed_name_stays_as_it_is(text: str) -> None:
    name = trimmed(text)
    assert trimmed(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert name == "" or not (name[0].isspace() or name[-1].isspace())
    expected = None if name else "invalid.blank" if text else "invalid.string_too_short"
    assert code(name=text) == expected
