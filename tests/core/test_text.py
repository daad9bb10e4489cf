"""What text, times, tags and JSON must be before a database sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mnemon.core.errors import Invalid
from mnemon.core.text import CONTENT_LIMIT, Content, Json, JsonObject, Label, Moment, Schema, Tags, parse


class Everything(Schema):
    content: Content = "x"
    label: Label | None = None
    tags: Tags = ()
    metadata: JsonObject = Field(default_factory=dict)
    anything: Json | None = None
    at: Moment | None = None


def code(**fields: Any) -> str | None:
    try:
        parse(Everything, fields)
    except Invalid as error:
        assert error.data["field"].split(".")[0] in fields  # noqa: PT017
        return error.code
    return None


@given(st.text(st.characters(), max_size=50))
def test_content_is_kept_or_refused(text: str) -> None:
    bad = "\x00" in text or any("\ud800" <= ch <= "\udfff" for ch in text)
    if not text or text.isspace():
        assert code(content=text) == "invalid.content_empty"
    elif bad:
        assert code(content=text) == "invalid.characters"
    else:
        assert parse(Everything, {"content": text}).content == text
        assert text.encode("utf-8").decode("utf-8") == text


def test_the_longest_content() -> None:
    assert code(content="🦓" * CONTENT_LIMIT) is None
    assert code(content="🦓" * (CONTENT_LIMIT + 1)) == "invalid.content_too_long"
    assert code(content=7) == "invalid.string_type"


@given(st.lists(st.text("ab", min_size=1, max_size=2), max_size=8))
def test_tags_are_distinct_in_the_order_given(tags: list[str]) -> None:
    kept = parse(Everything, {"tags": tags}).tags
    assert kept == tuple(dict.fromkeys(tags))
    assert sorted(parse(Everything, {"tags": set(tags)}).tags) == sorted(kept)


def test_forms_of_tags() -> None:
    assert parse(Everything, {"tags": "one"}).tags == ("one",)
    some: list[Any] = [7, [7], [None], [["a"]], [{}], {"a": 1}, [""], ["x" * 101], ["\x00"]]
    for tags in some:
        assert code(tags=tags) is not None, tags


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text("abc", max_size=3), values, max_size=4))
def test_json_is_kept_as_it_is(value: dict[str, Any]) -> None:
    assert parse(Everything, {"metadata": value}).metadata == value
    assert parse(Everything, {"anything": value}).anything == value
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    "value",
    [
        {"a": float("nan")},
        {"a": [float("-inf")]},
        {"a": {1, 2}},
        {"a": b"bytes"},
        {"a": datetime.now(UTC)},
        {"a": object},
        {"a": 10**400},
        {"a": {"b": {2: "key"}}},
        {"\x00": 1},
        {"a": "\ud800"},
        {"a": "x" * 262_145},
        {str(n): "" for n in range(300_000)},
    ],
)
def test_what_is_not_json_is_refused(value: Any) -> None:
    found = code(metadata=value)
    assert found is not None
    assert found == code(anything=value)


def test_depth_of_json() -> None:
    def nested(depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for _ in range(depth - 1):
            value = {"a": value}
        return value

    assert code(metadata=nested(32)) is None
    assert code(metadata=nested(33)) == "invalid.json_too_deep"
    assert code(metadata=nested(800)) == "invalid.json_too_deep"


@given(
    st.datetimes(
        timezones=st.none() | st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=14))])
    )
)
def test_a_time_is_the_same_moment_in_utc_or_out_of_range(at: datetime) -> None:
    found = code(at=at)
    if found is None:
        kept = parse(Everything, {"at": at}).at
        assert kept is not None
        assert kept.tzinfo is UTC
        assert kept == (at.astimezone(UTC) if at.tzinfo is None else at)
    else:
        assert found == "invalid.time"
        assert at.year in {1, 2, 9998, 9999}


def test_unknown_fields_are_named() -> None:
    with pytest.raises(Invalid) as caught:
        parse(Everything, {"colour": "blue"})
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.unknown_field", "colour")
    assert caught.value.hint is not None


def test_an_error_does_not_repeat_the_value() -> None:
    with pytest.raises(Invalid) as caught:
        parse(Everything, {"label": "secret" * 100})
    assert "secret" not in f"{caught.value}{caught.value.as_dict()}"


def test_a_schema_is_frozen_and_taken_as_it_is() -> None:
    one = Everything()
    assert parse(Everything, one) is one
    with pytest.raises(ValueError, match="frozen"):
        setattr(one, "content", "y")  # noqa: B010
