"""A matrix that nothing gets through shows nothing unless it would notice: one hole at a time, and it must."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from mnemon.db.tenant import PARAMETER
from tests.attacks import catalogue, tries_catalogues, tries_functions, tries_oracles, tries_settings, tries_tables
from tests.attacks.run import Arena
from tests.attacks.tries import Field, Situation, Try
from tests.attacks.victims import Victim

WITHIN = Situation("A", True)
_LEAK = (
    "CREATE FUNCTION leak(p_organization uuid) RETURNS {type} LANGUAGE plpgsql SECURITY DEFINER AS $x$ BEGIN "
    "EXECUTE format('SET LOCAL " + PARAMETER + " = %L', replace(p_organization::text, '-', '') || repeat('_', 64)); "
    "{body}; END $x$"
)


def only(tries: Callable[[Field], Iterator[Try]], *parts: str) -> Callable[[Field], Iterator[Try]]:
    """Those tries whose names have one of these in them."""
    return lambda field: (one for one in tries(field) if any(part in one.name for part in parts))


HOLES: dict[str, tuple[str, Callable[[Field], Iterator[Try]], str]] = {
    "a table without policies": (
        "ALTER TABLE teams DISABLE ROW LEVEL SECURITY",
        only(tries_tables.core, "/teams/"),
        "words: read/teams/select",
    ),
    "a policy that lets others write": (
        "CREATE POLICY hole ON teams FOR INSERT WITH CHECK (true)",
        only(tries_tables.core, "/teams/"),
        "done: write/teams/insert",
    ),
    "a policy that lets others be changed": (
        "CREATE POLICY hole ON teams USING (true)",
        only(tries_tables.core, "write/teams/update"),
        "changed: teams",
    ),
    "a view with its owner's rights": (
        "CREATE VIEW loose AS SELECT * FROM knowledge_usage_totals; GRANT SELECT ON loose TO mnemon_app",
        only(tries_tables.reads, "/loose/"),
        "words: read/loose/select",
    ),
    "a partition that may be read": (
        "DO $x$ BEGIN EXECUTE 'GRANT SELECT ON messages_p00 TO mnemon_app'; END $x$",
        only(tries_tables.partitions, "messages_p00"),
        "done: partition/messages_p00/select",
    ),
    "a function that tells": (
        _LEAK.format(type="SETOF text", body="RETURN QUERY SELECT m::text FROM memories m"),
        only(tries_functions.ours, "leak("),
        "words: call/leak(uuid)/select",
    ),
    "a function whose error tells": (
        _LEAK.format(type="void", body="RAISE EXCEPTION '%', (SELECT string_agg(content, ' ') FROM memories)"),
        only(tries_functions.ours, "leak("),
        "words: call/leak(uuid)/where",
    ),
    "a function that writes": (
        _LEAK.format(type="void", body="UPDATE memories SET importance = 0.9"),
        only(tries_functions.ours, "leak("),
        "changed: memories",
    ),
    "a function that makes things": (
        _LEAK.format(type="void", body="EXECUTE 'CREATE OR REPLACE VIEW made AS SELECT 1 AS x'"),
        only(tries_functions.ours, "leak("),
        "changed: pg_class",
    ),
    "temporary objects": (
        "GRANT TEMPORARY ON DATABASE scratch TO PUBLIC",
        only(tries_catalogues.hidden, "hidden/pg_class/"),
        "done: hidden/pg_class/view",
    ),
    "objects in the schema": (
        "GRANT CREATE ON SCHEMA public TO mnemon_app",
        only(tries_tables.owners, "own/teams/"),
        "done: own/teams/as",
    ),
    "a sequence that may be set": (
        "GRANT UPDATE ON SEQUENCE session_numbers TO mnemon_app",
        only(tries_functions.sequences, "session_numbers"),
        "done: sequence/session_numbers/setval",
    ),
    "a setting that everybody writes": (
        "ALTER POLICY tenant ON users USING (organization_id = nullif(current_setting('app.user_id', true), '')::uuid)",
        only(tries_settings.inside, "inside/app.user_id/"),
        "words: inside/app.user_id/",
    ),
    "a reference without the organisation": (
        "ALTER TABLE tasks ADD COLUMN loose_id uuid REFERENCES users (id)",
        only(tries_oracles.constraints, "constraint/tasks/loose_id"),
        "differs: constraint/tasks/loose_id",
    ),
}


def _with_loose_reference(field: Field) -> Field:
    """B's task refers to B's person, and A's to A's, in the column that was added."""

    def fill(victim: Victim) -> Victim:
        rows = {**victim.rows}
        rows["tasks"] = {**rows["tasks"], "loose_id": rows["users"]["id"]}
        return replace(victim, rows=rows)

    return replace(field, mine=fill(field.mine), theirs=fill(field.theirs))


@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_is_noticed(scratch: Arena, hole: str) -> None:
    statement, tries, expected = HOLES[hole]
    owners = " ON DATABASE " not in statement and " ON SCHEMA " not in statement
    scratch.admin.one(f"SET ROLE mnemon_owner; {statement}" if owners else statement)
    scratch.admin.one("RESET ROLE")
    field = replace(scratch.field, catalogue=catalogue.read(scratch.admin))
    scratch.field = _with_loose_reference(field) if "loose_id" in statement else field
    outcome = scratch.run(tries(scratch.field), "mnemon_app", WITHIN)
    assert outcome.tries
    assert any(line.startswith(expected) for line in outcome.through), outcome.through[:20]


def test_without_a_hole_nothing_is(scratch: Arena) -> None:
    for _, tries, _ in HOLES.values():
        assert not scratch.run(tries(scratch.field), "mnemon_app", WITHIN).through
