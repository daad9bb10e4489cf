"""The generated matrix: everything the catalogue has, attacked as both logins, in A, in none and with garbage."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.attacks import tries_catalogues, tries_functions, tries_oracles, tries_settings, tries_tables
from tests.attacks.known import KNOWN
from tests.attacks.run import OUTCOMES, Arena, Outcome, Watch, unmet
from tests.attacks.tries import ROLES, Field, Try, situations, spread

#: Tries that an attacker makes in A and in none, and that are dealt out to the situations with garbage.
DEALT: dict[str, Callable[[Field], Iterator[Try]]] = {
    "reads": tries_tables.reads,
    "writes": tries_tables.writes,
    "functions": tries_functions.ours,
}
#: Tries for which the settings of a tenant mean nothing: in A, and some of them in none.
ELSEWHERE: dict[str, Callable[[Field], Iterator[Try]]] = {
    "owners": tries_tables.owners,
    "partitions": tries_tables.partitions,
    "locks": tries_tables.locks,
    "replaced": tries_functions.replaced,
    "sequences": tries_functions.sequences,
    "builtin": tries_functions.builtin,
    "operators": tries_functions.operators,
    "inside": tries_settings.inside,
    "each": tries_settings.each,
    "paths": tries_settings.paths,
    "powers": tries_settings.powers,
    "told": tries_catalogues.told,
    "hidden": tries_catalogues.hidden,
    "explained": tries_oracles.explained,
    "constraints": tries_oracles.constraints,
}


def note(arena: Arena, outcome: Outcome, watch: Watch) -> None:
    """Look for the last time, keep for the count at the end; fail with what went through."""
    outcome.through += watch.look()
    OUTCOMES.setdefault(arena.field.catalogue.version, Outcome()).add(outcome)
    assert not outcome.through, f"{len(outcome.through)} went through:\n" + "\n".join(outcome.through[:200])
    assert not outcome.meaningless, f"{len(outcome.meaningless)} mean nothing:\n" + "\n".join(outcome.meaningless[:60])


def share(arena: Arena, role: str) -> int:
    """Of how many tries one is made: all as the application on 18, fewer where the answer is hardly another."""
    return (1 if arena.field.catalogue.version == 18 else 2) * (1 if role == ROLES[0] else 3)


def heard(arena: Arena, summed: tuple[str, ...] = ()) -> None:
    """A reads its own words in every table, or all of this would be nobody's tries."""
    for role in arena.roles:
        wire = arena.wire(role)
        for relation in arena.field.catalogue.tables:
            if relation.tenant is not None and relation.name not in summed and "SELECT" in relation.granted:
                answers = wire.ask(["BEGIN", arena.enter(), f"SELECT * FROM {relation.name}", "ROLLBACK"])
                assert arena.field.mine.marks(answers[2].said, ""), (relation.name, answers[2].message)
        wire.close()


def test_the_attacker_is_somebody(arena: Arena) -> None:
    heard(arena)


def test_core(arena: Arena) -> None:
    """Read, write, change and take away, of every table, in every situation."""
    outcome, watch = Outcome(), arena.watch()
    for role in arena.roles:
        for situation in situations(arena.field):
            outcome.add(
                arena.run(spread(tries_tables.core(arena.field), share(arena, role))[0], role, situation, watch)
            )
    note(arena, outcome, watch)


@pytest.mark.parametrize("family", DEALT)
def test_dealt(arena: Arena, family: str) -> None:
    outcome, watch = Outcome(), arena.watch()
    for role in arena.roles:
        within, without, *garbage = situations(arena.field)
        mine = share(arena, role)
        outcome.add(arena.run(spread(DEALT[family](arena.field), mine)[0], role, within, watch))
        outcome.add(arena.run(spread(DEALT[family](arena.field), 2 * mine)[0], role, without, watch))
        hands = spread(DEALT[family](arena.field), 2 * mine * len(garbage))
        for situation, hand in zip(garbage, hands, strict=False):
            outcome.add(arena.run(hand, role, situation, watch))
    note(arena, outcome, watch)


@pytest.mark.parametrize("family", ELSEWHERE)
def test_elsewhere(arena: Arena, family: str) -> None:
    outcome, watch = Outcome(), arena.watch()
    for role in arena.roles:
        within, without, *_ = situations(arena.field)
        mine = share(arena, role)
        outcome.add(arena.run(spread(ELSEWHERE[family](arena.field), mine)[0], role, within, watch))
        outcome.add(arena.run(spread(ELSEWHERE[family](arena.field), 5 * mine)[0], role, without, watch))
    note(arena, outcome, watch)


def test_objects(arena: Arena) -> None:
    outcome, watch = Outcome(), arena.watch()
    for role in arena.roles:
        for situation in situations(arena.field)[:2]:
            outcome.add(arena.run(tries_catalogues.objects(arena.field, arena.database), role, situation, watch))
    note(arena, outcome, watch)


def test_the_attacker_still_is(arena: Arena) -> None:
    heard(arena, summed=("metric_partials",))  # taken away by the roll-up, which adds them to the sums


def test_the_count(arena: Arena, record_property: Callable[[str, object], None]) -> None:
    """At least 20,000 tries on this version, as both logins, none through; what is known is still so."""
    version = arena.field.catalogue.version
    outcome = OUTCOMES.get(version, Outcome())
    roles = ", ".join(f"{count} as {role}" for role, count in outcome.by_role.items())
    record_property(
        "told",
        f"attacks on PostgreSQL {version}: {outcome.tries} tries ({roles}), {len(outcome.through)} through; "
        f"{sum(outcome.known.values())} came to what is known and bounded",
    )
    assert outcome.tries >= 20_000, "the whole file is run, or not enough of it"
    assert not outcome.through
    assert set(outcome.by_role) == set(ROLES), "both logins are tried"
    if share(arena, ROLES[0]) == 1:  # where everything is tried
        assert not unmet(outcome, KNOWN), "known and not met any more: take it off the list"
