"""What one organisation writes must not stop what is done for all: numbers at their end, times far away.

Every number and time of every table that the application may insert into is pushed to its ends by A; then everything
that works across organisations is called, as those who may. It must go on, for the others' sake.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from tests.attacks.catalogue import Relation
from tests.attacks.run import Arena
from tests.attacks.tries import Field
from tests.attacks.wire import Wire

#: The ends of each type. Some a CHECK refuses, which is the right answer.
ENDS = {
    "bigint": ("9223372036854775807", "-9223372036854775808", "0"),
    "integer": ("2147483647", "-2147483648", "0"),
    "smallint": ("32767", "-32768"),
    "double precision": ("1.7e308", "-1.7e308", "'NaN'", "'Infinity'", "'-Infinity'", "1e154"),
    "real": ("3e38", "'NaN'", "'Infinity'"),
    "numeric": ("1e300", "-1e300", "'NaN'"),
    "timestamp with time zone": ("'infinity'", "'-infinity'", "'294276-12-31'", "'4713-01-01 BC'"),
    "date": ("'infinity'", "'5874897-12-31'"),
    "interval": ("'178000000 years'", "'-178000000 years'"),
    "jsonb": ("'{\"title\": null}'", "'[]'", '\'{"title": {"a": 1e400}}\''),
}
#: What works across organisations, by its name: a call of each. A function of the worker's that is not here fails.
UPKEEP = {
    "audit_retention_due": "SELECT audit_retention_due(now())",
    "claim_jobs": "SELECT * FROM claim_jobs('worker', ARRAY['mail.send'], NULL, NULL, 100, 60)",
    "every_trail_head": "SELECT * FROM every_trail_head()",
    "every_unsigned_trail": "SELECT * FROM every_unsigned_trail()",
    "fire_schedules": "SELECT fire_schedules(1000)",
    "maintain_partitions": "SELECT table_name, maintain_partitions(table_name) FROM partition_policies",
    "organizations_after": "SELECT organizations_after('00000000-0000-0000-0000-000000000000', 1000)",
    "prune_jobs": "SELECT prune_jobs(1, 1, 1000)",
    "refresh_dashboard": "SELECT refresh_dashboard()",
    "refresh_knowledge_summaries": "SELECT refresh_knowledge_summaries()",
    "release_expired_jobs": "SELECT release_expired_jobs(1000)",
    "renew_leases": "SELECT renew_leases('{}', 60)",
    "seal_every_trail": "SELECT seal_every_trail(100)",
}


def _row(field: Field, relation: Relation, column: str, value: str) -> str:
    """A row of A like the one that is there, under fresh names, with one column pushed to an end."""
    values = {}
    for name, kind in relation.columns:
        known = field.mine.value(relation.name, name)
        if known is None or name in relation.generated:
            continue
        values[name] = "gen_random_uuid()" if name == "id" and kind == "uuid" else known
        if field.mine.prefix in known:
            values[name] = f"'{field.mine.prefix}{uuid4().hex[:8]}'" if kind.startswith(("text", "char")) else known
        if kind == "bytea":
            values[name] = f"'\\x{uuid4().hex * 2}'"
    values[column] = value
    return f"INSERT INTO {relation.name} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


def _poison(arena: Arena, wire: Wire, relation: Relation) -> int:
    """Push each column to each of its ends, several times; how many rows were taken."""
    taken = 0
    for column, kind in relation.columns:
        if column in relation.generated or isinstance(arena.field.mine.rows[relation.name].get(column), UUID):
            continue
        for value in ENDS.get(kind, ()):
            for _ in range(3):
                row = _row(arena.field, relation, column, value)
                answers = wire.ask(["BEGIN", arena.enter(), row, "COMMIT"])
                taken += answers[2].error is None
    return taken


def test_nobody_stops_what_is_done_for_all(scratch: Arena) -> None:
    stopped = []
    taken = 0
    wire = scratch.wire("mnemon_app")
    workers = {f.name for f in scratch.field.catalogue.functions if f.by_worker and not f.by_app}
    assert workers == set(UPKEEP), "say how it is called"
    for call in UPKEEP.values():
        _, answer, _ = scratch.admin.ask(["BEGIN", call, "ROLLBACK"])
        assert answer.error is None, answer.message
    for relation in scratch.field.catalogue.tables:
        if relation.tenant is None or "INSERT" not in relation.granted or relation.name not in scratch.field.mine.rows:
            continue
        rows = _poison(scratch, wire, relation)
        taken += rows
        if not rows:
            continue
        for call in UPKEEP.values():
            _, answer, _ = scratch.admin.ask(["BEGIN", call, "ROLLBACK"])
            if answer.error is not None:
                stopped.append(f"{relation.name}: {call}: {answer.message}")
        where = f"organization_id = '{scratch.field.a}'"
        if stopped and stopped[-1].startswith(f"{relation.name}:"):  # so that the next table is asked by itself
            scratch.admin.one(f"SET session_replication_role = replica; DELETE FROM {relation.name} WHERE {where}")
            scratch.admin.one("RESET session_replication_role")
    wire.close()
    assert taken > 300
    assert not stopped, "\n".join(stopped)
