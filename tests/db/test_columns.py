"""The table of columns: what statements are made of it, and that it agrees with models and schemas."""

from __future__ import annotations

from enum import StrEnum
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from mnemon.conversations.columns import COLUMNS as OF_MESSAGES
from mnemon.db.columns import Column, ColumnChange, Compare, Filter, Insert, Origin, lines, require_same
from mnemon.db.params import Params
from mnemon.memory.columns import COLUMNS as OF_MEMORIES
from mnemon.memory.columns import TABLES

#: Names that the server writes otherwise.
SHORT = {"timestamp with time zone": "timestamptz", "character varying": "text"}


class Colour(StrEnum):
    """Colours of a test."""

    RED = "red"
    BLUE = "blue"


COLUMNS = (
    Column("id", "uuid", Origin.WRITER),
    Column("note", "text", updatable=True),
    Column("tags", "text[]", inherited=True),
    Column("extra", "jsonb"),
    Column("colour", "colour_enum", enum=Colour, elsewhere="red", filters=(Filter("colours", Compare.ONE_OF),)),
    Column("made_at", "timestamptz", Origin.DATABASE),
)


@pytest.mark.parametrize(("table", "columns"), [("messages", OF_MESSAGES), ("memories", OF_MEMORIES)])
async def test_types_are_those_of_the_database(admin: Any, table: str, columns: tuple[Column, ...]) -> None:
    found = await admin.fetch(
        "SELECT attname, format_type(atttypid, NULL) AS kind FROM pg_attribute "
        "WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'organization_id'",
        table,
    )
    kinds = {row["attname"]: SHORT.get(row["kind"], row["kind"]) for row in found}
    described = {column.name: column.sql_type for column in columns}
    assert {name: kind.removeprefix("public.") for name, kind in kinds.items()} == described


def test_both_tables_answer_to_the_same_names() -> None:
    returned = {column.name for table in TABLES for column in table.described if column.returned}
    for table in TABLES:
        assert returned <= set(table.columns), table.name


def test_an_insert_has_each_column_once_and_in_one_order() -> None:
    parts = Insert(COLUMNS, first=3).parts
    assert parts["columns"] == "id, note, tags, extra, colour"
    assert parts["values"] == "n.id, n.note, n.tags::text[], n.extra, n.colour"
    assert (
        parts["arrays"] == "$3::uuid[], $4::text::text[], $5::text::text[], $6::text::jsonb[], $7::text::colour_enum[]"
    )


def test_values_travel_by_name() -> None:
    insert = Insert(COLUMNS, first=1)
    rows = [
        SimpleNamespace(note='a "quote"', tags=("x", "y"), extra={"n": 1}, colour=Colour.RED),
        SimpleNamespace(note=None, tags=(), extra=None, colour=Colour.BLUE),
    ]
    ids = [UUID(int=1), UUID(int=2)]
    assert insert.arguments(insert.of_requests(rows), {"id": ids}) == [
        ids,
        r'{"a \"quote\"",NULL}',
        r'{"{\"x\",\"y\"}","{}"}',
        r'{"{\"n\":1}",NULL}',
        '{"red","blue"}',
    ]
    with pytest.raises(KeyError, match="id"):
        insert.arguments(insert.of_requests(rows), {})


def test_a_column_of_nulls_is_filled_up_by_the_server() -> None:
    assert COLUMNS[0].array_encoder([None, None]) == []
    assert COLUMNS[1].array_encoder([None, None]) == "{}"
    assert COLUMNS[1].array_encoder([None, "x"]) == '{NULL,"x"}'
    assert COLUMNS[1].array_encoder([]) == "{}"


def test_a_correction_takes_over_what_is_not_said_anew() -> None:
    change = ColumnChange(COLUMNS, first=3)
    assert change.corrected == {"columns": "note, tags", "values": "coalesce($3::text::text, m.note), m.tags"}
    assert change.in_place == {"assignments": "note = coalesce($3::text::text, note)"}
    assert change.happened == "OLD.note IS DISTINCT FROM NEW.note"
    assert change.arguments(SimpleNamespace(note="new")) == ["new"]


def test_a_condition_is_a_parameter() -> None:
    params = Params("organization")
    colour = COLUMNS[4]
    rule = colour.condition(Compare.ONE_OF, frozenset(Colour), params)
    assert rule == "t.colour = ANY($2::text[]::colour_enum[])"
    assert params.values == ["organization", ["blue", "red"]]
    assert COLUMNS[1].condition(Compare.EQUALS, "x", params) == "t.note = $3::text::text"
    assert COLUMNS[2].condition(Compare.HAS_ALL, ("x",), params) == "t.tags @> $4::text[]"
    assert COLUMNS[3].condition(Compare.HAS_ALL, {"n": 1}, params) == "t.extra @> $5::text::jsonb"
    assert params.values[2:] == ["x", ["x"], '{"n":1}']


@pytest.mark.parametrize(
    ("test", "constant", "value", "allowed"),
    [
        (Compare.ONE_OF, "red", frozenset({Colour.RED}), True),
        (Compare.ONE_OF, "red", frozenset({Colour.BLUE}), False),
        (Compare.EQUALS, None, "red", False),
        (Compare.EQUALS, "red", "red", True),
    ],
)
def test_what_a_table_without_the_column_can_match(test: Compare, constant: Any, value: Any, allowed: bool) -> None:
    assert Filter("colours", test).allows(constant, value) is allowed


@pytest.mark.parametrize(
    ("column", "read", "constant"),
    [
        (Column("n", "integer", elsewhere=5), "t.n", "5::integer"),
        (Column("yes", "boolean", elsewhere=False), "t.yes", "false::boolean"),
        (Column("colour", "colour_enum", elsewhere="red"), "t.colour::text", "'red'::text"),
        (
            Column("at", "timestamptz", expression="least(t.at, t.end)", elsewhere=None),
            "least(t.at, t.end)",
            "NULL::timestamptz",
        ),
    ],
)
def test_how_a_column_is_read(column: Column, read: str, constant: str) -> None:
    assert (column.read, column.constant) == (read, constant)


def test_long_lists_stand_in_lines() -> None:
    words = [f"column_{n}" for n in range(30)]
    text = lines(words)
    assert max(map(len, text.splitlines())) <= 112
    assert [word.strip() for word in text.replace("\n", " ").split(",")] == words


@pytest.mark.parametrize(("given", "odd"), [(["a"], "b"), (["a", "b", "id", "c"], "c")])
def test_a_name_that_stands_on_one_side_only_is_named(given: list[str], odd: str) -> None:
    require_same("Item", ["a", "b", "id"], ["a", "b"], ["id"])
    with pytest.raises(LookupError, match=rf"Item.*\b{odd}\b"):
        require_same("Item", given, ["a", "b"], ["id"])
