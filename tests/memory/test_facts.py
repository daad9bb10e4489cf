"""Facts on two axes: nothing is overwritten, and every earlier answer can be given again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mnemon import AsyncMemory
from mnemon.app import App
from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.identity.repository import TeamRepository
from mnemon.memory.schemas_facts import Asserted, AssertFact, Fact, FactHistory, FactsAt, RetractFact
from mnemon.memory.service.facts import assert_fact, facts_at, history_of, retract_fact
from tests.factories import context_of, new_slug
from tests.workspace.helpers import (
    NOBODY_YET,
    acting,
    indexes,
    people,
    plan,
    refused_field,
    refused_row,
    without_rights,
)

YEAR = {n: datetime(n, 1, 1, tzinfo=UTC) for n in range(1990, 2041)}


async def learn(ctx: Context, value: str, begins: int, ends: int | None = None, **values: Any) -> Asserted:
    request = {
        "subject": "Ada",
        "predicate": "lives in",
        "object": value,
        "valid_from": YEAR[begins],
        "valid_until": YEAR[ends] if ends else None,
        **values,
    }
    return await assert_fact(ctx, parse(AssertFact, request))


async def lives(ctx: Context, year: int, known_at: datetime | None = None) -> list[str]:
    request = FactsAt(subject="Ada", predicate="lives in", valid_at=YEAR[year], known_at=known_at)
    return [one.object for one in (await facts_at(ctx, request)).items]


async def test_a_new_object_takes_the_place_of_the_old_and_the_old_answer_stays(ctx: Context) -> None:
    first = await learn(ctx, "Turin", 2010)
    second = await learn(ctx, "Lisbon", 2020)
    assert second.retracted == (first.fact.id,)
    assert [await lives(ctx, year) for year in (2009, 2015, 2019, 2020, 2030)] == [
        [],
        ["Turin"],
        ["Turin"],
        ["Lisbon"],
        ["Lisbon"],
    ]
    before = first.fact.recorded_at
    assert await lives(ctx, 2030, known_at=before) == ["Turin"]
    assert await lives(ctx, 2015, known_at=before - timedelta(microseconds=1)) == []
    history = (await history_of(ctx, FactHistory(subject="Ada"))).items
    assert [(one.object, one.valid_from, one.valid_until) for one in history] == [
        ("Turin", YEAR[2010], None),
        ("Turin", YEAR[2010], YEAR[2020]),
        ("Lisbon", YEAR[2020], None),
    ]
    assert history[0].retracted_at == history[1].recorded_at == history[2].recorded_at == second.fact.recorded_at


async def test_a_late_report_of_an_early_time_does_not_undo_what_came_after(ctx: Context) -> None:
    await learn(ctx, "Lisbon", 2020)
    early = await learn(ctx, "Turin", 2010)
    assert (early.fact.valid_until, early.retracted) == (YEAR[2020], ())
    inside = await learn(ctx, "Oslo", 2022, 2024)
    assert len(inside.retracted) == 1
    assert [await lives(ctx, year) for year in (2015, 2021, 2023, 2024)] == [
        ["Turin"],
        ["Lisbon"],
        ["Oslo"],
        ["Lisbon"],
    ]


async def test_what_is_known_already_is_not_recorded_again(ctx: Context) -> None:
    first = await learn(ctx, "Turin", 2010, confidence=0.5)
    again = await learn(ctx, "Turin", 2012, confidence=0.9)
    assert (again.created, again.fact) == (False, first.fact)
    assert len((await history_of(ctx, FactHistory(subject="Ada"))).items) == 1


async def test_a_predicate_of_several_values_keeps_them_all(ctx: Context) -> None:
    for value in ("tea", "chess", "tea"):
        await learn(ctx, value, 2010, predicate="likes", single_valued=False)
    found = (await facts_at(ctx, FactsAt(subject="Ada", predicate="likes"))).items
    assert sorted(one.object for one in found) == ["chess", "tea"]
    assert [one.object for one in (await facts_at(ctx, FactsAt(predicate="likes", object="tea"))).items] == ["tea"]


async def test_taken_back_it_was_never_true_or_it_ended(ctx: Context) -> None:
    made = await learn(ctx, "Turin", 2010)
    ended = await retract_fact(ctx, RetractFact(id=made.fact.id, valid_until=YEAR[2015]))
    assert ended is not None
    assert (ended.valid_from, ended.valid_until) == (YEAR[2010], YEAR[2015])
    assert [await lives(ctx, year) for year in (2014, 2015)] == [["Turin"], []]
    assert await retract_fact(ctx, RetractFact(id=ended.id)) is None
    assert await lives(ctx, 2014) == []
    assert await lives(ctx, 2014, known_at=ended.recorded_at) == ["Turin"]
    with pytest.raises(Conflict) as caught:
        await retract_fact(ctx, RetractFact(id=made.fact.id))
    assert caught.value.code == "conflict.retracted"
    other = await learn(ctx, "Oslo", 2010, 2012)
    for year in (2010, 2012):
        with pytest.raises(Invalid) as outside:
            await retract_fact(ctx, RetractFact(id=other.fact.id, valid_until=YEAR[year]))
        assert outside.value.data["field"] == "valid_until"


async def test_asserted_by_many_at_once_one_holds_at_a_time(ctx: Context) -> None:
    results = await asyncio.gather(*(learn(ctx, f"city {n}", 2010 + n % 3) for n in range(12)))
    assert all(one.created for one in results)
    moments = sorted(one.fact.recorded_at for one in results)
    assert len(set(moments)) == 12
    for known_at in (*moments, None):
        for year in (2010, 2011, 2012, 2020):
            assert len(await lives(ctx, year, known_at)) <= 1
    assert len(await lives(ctx, 2020)) == 1


SPANS = st.tuples(st.integers(2000, 2019), st.one_of(st.none(), st.integers(1, 8)))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("assert"), st.sampled_from(["Turin", "Oslo", "Lisbon"]), SPANS),
        st.tuples(st.just("retract"), st.integers(0, 20), st.one_of(st.none(), st.integers(2000, 2030))),
    ),
    min_size=1,
    max_size=9,
)
Held = tuple[str, int, int | None]


def replay(held: list[Held], value: str, begins: int, ends: int | None) -> list[Held]:
    """What is held after an assertion, year by year: the plain way to say what the spans must amount to."""
    if ends is None:
        ends = min((b for _, b, _ in held if b > begins), default=None)
    if any(v == value and b <= begins and (e is None or (ends is not None and ends <= e)) for v, b, e in held):
        return held
    kept: list[Held] = []
    for v, b, e in held:
        before = (v, b, begins if e is None else min(e, begins))
        after = None if ends is None else (v, max(b, ends), e)
        kept += [before] if b < begins else []
        kept += [after] if after is not None and (e is None or after[1] < e) else []
    return [*kept, (value, begins, ends)]


def true_in(held: list[Held], year: int) -> list[str]:
    return sorted(v for v, b, e in held if b <= year and (e is None or year < e))


@hypothesis_settings(max_examples=60)
@given(STEPS, st.lists(st.tuples(st.integers(0, 9), st.integers(1999, 2031), st.booleans()), max_size=8))
async def test_every_answer_can_be_given_again(
    app: App, steps: list[tuple[Any, Any, Any]], points: list[tuple[int, int, bool]]
) -> None:
    """Random assertions and retractions, and what was known after each of them, against a plain replay."""
    ctx = await app.organization(new_slug())
    states: list[tuple[datetime, list[Held]]] = []
    held: list[Held] = []
    for kind, first, second in steps:
        moment = None
        if kind == "assert":
            begins, length = second
            ends = begins + length if length else None
            done = await learn(ctx, first, begins, ends)
            held = replay(held, first, begins, ends)
            moment = done.fact.recorded_at if done.created else None
        else:
            now = await facts_at_any_time(ctx)
            if not now:
                continue
            one = now[first % len(now)]
            inside = (
                second is not None
                and one.valid_from < YEAR[second]
                and (one.valid_until is None or YEAR[second] < one.valid_until)
            )
            await retract_fact(ctx, RetractFact(id=one.id, valid_until=YEAR[second] if inside else None))
            whole = (one.object, one.valid_from.year, one.valid_until.year if one.valid_until else None)
            held = [span for span in held if span != whole]
            held += [(one.object, one.valid_from.year, second)] if inside else []
            moment = max(
                fact.retracted_at
                for fact in (await history_of(ctx, FactHistory(subject="Ada"))).items
                if fact.retracted_at
            )
        if moment is not None:
            states.append((moment, list(held)))
    for year in (1999, 2005, 2012, 2019, 2030):
        assert await lives(ctx, year) == true_in(held, year)
    for place, year, exactly in points if states else []:
        moment, then = states[place % len(states)]
        known_at = moment if exactly else moment - timedelta(microseconds=1)
        expected = then if exactly else (states[place % len(states) - 1][1] if place % len(states) else [])
        assert await lives(ctx, year, known_at) == true_in(expected, year)


async def facts_at_any_time(ctx: Context) -> list[Fact]:
    history = (await history_of(ctx, FactHistory(subject="Ada"))).items
    return sorted((one for one in history if one.retracted_at is None), key=lambda one: one.valid_from)


async def test_where_it_was_learnt(memory: AsyncMemory) -> None:
    ctx = context_of(memory)
    said = await memory.remember("I moved to Turin", user="ada", conversation="chat")
    kept = await memory.remember("Ada lives in Turin", user="ada")
    made = await learn(
        ctx, "Turin", 2010, user="ada", agent="guide", source_message_id=said.id, source_memory_id=kept.id
    )
    assert (made.fact.source_message_id, made.fact.source_memory_id) == (said.id, kept.id)
    assert made.fact.user_id is not None
    assert made.fact.agent_id is not None
    shorter = await learn(ctx, "Oslo", 2020)
    left = [one for one in await facts_at_any_time(ctx) if one.object == "Turin"]
    assert [one.source_message_id for one in left] == [said.id]
    assert shorter.fact.source_message_id is None
    with pytest.raises(NotFound) as caught:
        await learn(ctx, "Rome", 2010, source_memory_id=uuid4())
    assert (caught.value.code, caught.value.data["field"]) == ("not_found.reference", "source_memory_id")


async def test_facts_of_teams_do_not_meet(ctx: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    async with ctx.database.session(ctx.principal) as session:
        teams = TeamRepository(session, ctx.principal.organization_id)
        crew = (await teams.create(name="Crew", slug="crew")).id
    as_ada, as_bo = acting(ctx, ada, team_ids=frozenset({crew})), acting(ctx, bo)
    secret = await learn(as_ada, "Turin", 2010, team="crew")
    assert secret.fact.user_id == ada
    assert await lives(as_ada, 2015) == ["Turin"]
    assert await lives(as_bo, 2015) == []
    assert not (await learn(as_bo, "Oslo", 2010)).retracted
    assert await lives(as_bo, 2015) == ["Oslo"]
    with pytest.raises(NotFound):
        await retract_fact(as_bo, RetractFact(id=secret.fact.id))
    with pytest.raises(Forbidden):
        await learn(as_bo, "Rome", 2010, team="crew")
    assert not [one for one in (await history_of(as_bo, FactHistory(subject="Ada"))).items if one.object == "Turin"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"subject": " "}, "subject"),
        ({"predicate": "x" * 256}, "predicate"),
        ({"object": ""}, "object"),
        ({"object": "x" * 10_001}, "object"),
        ({"object": "x\x00"}, "object"),
        ({"confidence": 1.01}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"valid_from": "yesterday"}, "valid_from"),
    ],
)
def test_the_schema_names_the_field(values: dict[str, Any], field: str) -> None:
    assert refused_field(AssertFact, **{"subject": "a", "predicate": "b", "object": "c", **values})[1] == field


async def test_an_end_before_the_beginning_is_refused(ctx: Context) -> None:
    with pytest.raises(Invalid) as caught:
        await learn(ctx, "Turin", 2010, 2010)
    assert caught.value.code == "invalid.valid_until"
    with pytest.raises(Invalid) as now:
        await assert_fact(ctx, AssertFact(subject="Ada", predicate="lives in", object="x", valid_until=YEAR[2001]))
    assert now.value.data["field"] == "valid_until"
    assert refused_field(FactsAt, object="x")[0] == "invalid.subject"


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"subject": "' '"}, "invalid.subject", "subject"),
        ({"subject": "repeat('x', 256)"}, "invalid.subject", "subject"),
        ({"predicate": "''"}, "invalid.predicate", "predicate"),
        ({"object": "repeat('x', 10001)"}, "invalid.object", "object"),
        ({"confidence": "1.5"}, "invalid.confidence", "confidence"),
        ({"confidence": "'NaN'"}, "invalid.confidence", "confidence"),
        ({"valid_until": "now() - interval '1 day'"}, "invalid.valid_until", "valid_until"),
        ({"retracted_at": "now() - interval '1 day'"}, "invalid.retracted_at", "retracted_at"),
        ({"object": "NULL"}, "invalid.required", "object"),
        ({"source_message_id": f"'{NOBODY_YET}'"}, "not_found.reference", "source_message_id"),
    ],
)
async def test_the_database_refuses_it_too(ctx: Context, values: dict[str, str], code: str, field: str) -> None:
    base = {"subject": "'a'", "predicate": "'b'", "object": "'c'"}
    error = await refused_row(ctx, "memory_facts", **(base | values))
    assert (error.code, error.data["field"]) == (code, field)


@pytest.mark.parametrize(
    "change",
    [
        "object = 'Rome'",
        "valid_until = now()",
        "recorded_at = now() - interval '1 day'",
        "confidence = 0.1",
        "retracted_at = NULL",
        "retracted_at = now() + interval '1 day'",
    ],
)
async def test_the_database_lets_nobody_overwrite_a_fact(ctx: Context, admin: Any, change: str) -> None:
    await learn(ctx, "Turin", 2010)
    await learn(ctx, "Oslo", 2010)
    with pytest.raises(Invalid) as caught:
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute(f"UPDATE memory_facts SET {change} WHERE retracted_at IS NOT NULL")
    assert caught.value.code == "invalid.immutable"


async def test_another_organisation_reaches_nothing(ctx: Context, other: Context) -> None:
    made = await learn(ctx, "Turin", 2010)
    with pytest.raises(NotFound):
        await retract_fact(other, RetractFact(id=made.fact.id))
    assert not (await learn(other, "Oslo", 2010)).retracted
    assert await lives(other, 2015) == ["Oslo"]
    assert len((await history_of(other, FactHistory(subject="Ada"))).items) == 1
    assert await lives(ctx, 2015) == ["Turin"]


async def test_every_verb_wants_its_permission(ctx: Context) -> None:
    nobody = without_rights(ctx)
    row: UUID = uuid4()
    for attempt in (
        learn(nobody, "x", 2010),
        retract_fact(nobody, RetractFact(id=row)),
        facts_at(nobody, FactsAt(subject="x")),
        history_of(nobody, FactHistory(subject="x")),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_reading_uses_the_index_under_row_level_security(ctx: Context, admin: Any) -> None:
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute(
            "INSERT INTO memory_facts (organization_id, subject, predicate, object) "
            "SELECT $1, 'subject ' || n % 2000, 'predicate ' || n % 7, 'x' "
            "FROM generate_series(1, 6000) AS n RETURNING id",
            ctx.principal.organization_id,
        )
    await admin.execute("ANALYZE memory_facts")
    found = await plan(
        ctx,
        "SELECT * FROM memory_facts t WHERE t.organization_id = $1 AND t.subject = $2 AND t.valid_from <= now() "
        "AND t.recorded_at <= now() AND (t.retracted_at IS NULL OR t.retracted_at > now())",
        ctx.principal.organization_id,
        "subject 77",
    )
    assert indexes(found) <= {"ix_memory_facts_subject", "ix_memory_facts_current"}
    assert indexes(found)
    assert "Seq Scan" not in found
