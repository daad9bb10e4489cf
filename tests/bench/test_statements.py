"""The benchmark of statements: its rows are those it asks for, and what is replayed is what was sent."""

from __future__ import annotations

import hashlib

import pytest
from bench.replay import Sent, _in_order
from bench.statements_calls import STATEMENTS
from bench.statements_data import BUSIEST, FILL, PIECES, ROWS, filled, pieces, places


def test_places_are_skewed_and_have_everything() -> None:
    many = places(100, BUSIEST)
    assert [one.n for one in many] == list(range(1, 101))
    assert sum(one.share for one in many) == pytest.approx(1)
    assert many[0].rows("sessions") == pytest.approx(2 * many[1].rows("sessions"), rel=0.01)
    assert many[-1].rows("agents") >= 1
    assert many[0].key("user", 1) != many[1].key("user", 1)


def test_every_table_with_a_number_of_rows_is_filled_and_every_place_of_its_statement_too() -> None:
    assert ROWS.keys() <= FILL.keys()
    for table, text in FILL.items():
        query = filled(table, text)
        assert "{rows" not in query
        assert "{id:" not in query
        assert "{pieces}" not in query


def test_an_id_in_sql_is_the_id_in_python() -> None:
    place = places(1, 10)[0]
    query = filled("users", "{id:user:i}")
    assert query == "md5('user-' || o.n || '-' || i)::uuid"
    assert str(place.key("user", 3)).replace("-", "") == hashlib.md5(b"user-1-3").hexdigest()  # noqa: S324


def test_phrases_are_the_same_every_time() -> None:
    assert list(pieces(5)) == list(pieces(5))
    assert len(set(pieces(PIECES // 100))) > PIECES // 200


def test_what_a_session_sends_is_put_between_its_begin_and_its_commit() -> None:
    tenant, read = Sent("SELECT set_tenant($1)", (1,)), Sent("SELECT 1", ())
    begin, commit = Sent("BEGIN;", ()), Sent("COMMIT;", ())
    assert _in_order([tenant, begin, read, commit]) == [begin, tenant, read, commit]
    assert _in_order([begin, tenant, read, commit]) == [begin, tenant, read, commit]
    look_up = [Sent("SELECT f($1)", (b"x",)), begin, tenant, read, commit]
    assert _in_order(look_up) == look_up


def test_every_limit_of_the_seeds_has_its_statement() -> None:
    named = {one.requirement for one in STATEMENTS}
    wanted = (111, 114, 116, 118, 120, 121, 123, 124, 125, 126, 128, 129, 130, 134, 139, 140, 149)
    assert {f"REQ-T{number}" for number in wanted} <= named
    assert len({one.name for one in STATEMENTS}) == len(STATEMENTS)
