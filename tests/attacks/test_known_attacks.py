"""The chains that once went through, whole: each must come to nothing, and each does come through without its defence.

A control is the same chain against the same database with the defence taken away, in a scratch copy. If a control no
longer comes through, its test shows nothing any more, and fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from mnemon.core.principal import Principal
from mnemon.db.tenant import PARAMETER
from tests.attacks.run import Arena
from tests.attacks.wire import Answer, Closed, Wire
from tests.factories import PROVER


@contextmanager
def application(arena: Arena, role: str = "mnemon_app") -> Iterator[Wire]:
    wire = arena.wire(role)
    yield wire
    wire.close()


def told(arena: Arena, answers: list[Answer]) -> list[str]:
    """What of B's content the answers show."""
    marks = arena.field.theirs.marks(b"\n".join(answer.said for answer in answers), "")
    return [mark for mark in marks if mark.startswith(arena.field.theirs.prefix)]


# 1: a name in the way of a trigger function

#: Runs as whoever looks at the view: as the owner it opens a door, as the application it cannot.
EVIL = f"""
CREATE FUNCTION pg_temp.evil() RETURNS oid LANGUAGE plpgsql AS $x$
BEGIN
  IF current_user <> session_user THEN
    EXECUTE 'CREATE OR REPLACE FUNCTION public.door() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS '
      || quote_literal('BEGIN SET LOCAL {PARAMETER} = ' || quote_literal(current_setting('evil.noted'))
      || '; RETURN QUERY SELECT m::text FROM memories m; END');
    EXECUTE 'GRANT EXECUTE ON FUNCTION public.door() TO PUBLIC';
  END IF;
  RETURN (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user);
END $x$
"""
VIEW = "CREATE TEMP VIEW pg_class AS SELECT c.oid, pg_temp.evil() AS relowner FROM pg_catalog.pg_class c"


def owner_by_a_name(arena: Arena) -> list[str]:
    """Attack 1: a view called pg_class, a throw-away person with preferences, and the person's deletion."""
    a, person = arena.field.a, f"throw-away-{uuid4()}"
    with application(arena) as wire:
        wire.ask(
            [
                f"SET evil.noted = '{arena.field.b.replace('-', '')}{'_' * 64}'",
                EVIL,
                VIEW,
                "GRANT SELECT ON pg_temp.pg_class TO PUBLIC",
                "GRANT EXECUTE ON FUNCTION pg_temp.evil() TO PUBLIC",
                "SET search_path = pg_temp, pg_catalog, public",
                "BEGIN",
                arena.enter().replace("set_tenant", "public.set_tenant"),
                f"INSERT INTO public.users (organization_id, external_id) VALUES ('{a}', '{person}')",
                (
                    "INSERT INTO public.user_preferences (organization_id, user_id) "
                    f"SELECT organization_id, id FROM public.users WHERE external_id = '{person}'"
                ),
                "COMMIT",
                "BEGIN",
                arena.enter().replace("set_tenant", "public.set_tenant"),
                f"DELETE FROM public.users WHERE external_id = '{person}'",
                "COMMIT",
            ]
        )
        return told(arena, wire.ask(["SELECT * FROM public.door()"]))


def past_soft_delete(arena: Arena) -> list[str]:
    """Attack 1, the other end: the same view makes a DELETE of messages one for good."""
    with application(arena) as wire:
        count = f"SELECT count(*) FROM messages WHERE organization_id = '{arena.field.a}'"
        before = arena.admin.value(count)
        wire.ask(
            [
                (
                    "CREATE FUNCTION pg_temp.me() RETURNS oid LANGUAGE sql AS "
                    "'SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user'"
                ),
                "CREATE TEMP VIEW pg_class AS SELECT c.oid, pg_temp.me() AS relowner FROM pg_catalog.pg_class c",
                "SET search_path = pg_temp, pg_catalog, public",
                "BEGIN",
                arena.enter().replace("set_tenant", "public.set_tenant"),
                "DELETE FROM public.messages",
                "COMMIT",
            ]
        )
    after = arena.admin.value(count)
    return [] if after == before else [f"{before} messages became {after}"]


_TEMPORARY = (
    "GRANT TEMPORARY ON DATABASE scratch TO PUBLIC",
    "GRANT USAGE ON LANGUAGE plpgsql, sql TO PUBLIC",
)
_PATHS = (
    (
        "DO $x$ DECLARE f record; BEGIN FOR f IN SELECT oid::regprocedure AS name FROM pg_proc "
        "WHERE proname IN ('soften_delete', 'audit_row', 'audit_write', 'touch_row') LOOP "
        "EXECUTE format('ALTER FUNCTION %s RESET search_path', f.name); END LOOP; END $x$"
    ),
)


def weaken(arena: Arena, *statements: str) -> None:
    for statement in statements:
        arena.admin.one(statement)


@pytest.mark.parametrize("attack", [owner_by_a_name, past_soft_delete])
def test_a_name_in_the_way_runs_nothing(scratch: Arena, attack: Callable[[Arena], list[str]]) -> None:
    """Attack 1. Either defence alone holds; without both it goes through."""
    assert attack(scratch) == []
    weaken(scratch, *_TEMPORARY)
    assert attack(scratch) == [], "temporary objects alone are not enough"
    weaken(scratch, *(f.replace("GRANT", "REVOKE").replace(" TO ", " FROM ") for f in _TEMPORARY), *_PATHS)
    assert attack(scratch) == [], "a search path alone is not enough"
    weaken(scratch, *_TEMPORARY)
    assert attack(scratch), "the control did not come through: this test shows nothing"


# 2: one SELECT

READ = (
    "SELECT word FROM ts_stat('SELECT to_tsvector(''simple'', content) FROM memories WHERE ''' || "
    "set_config('{setting}', '{value}', true) || ''' <> ''''')"
)


def one_select(arena: Arena) -> list[str]:
    """Attack 2: inside A, read only, a statement inside a statement that begins after the setting was changed."""
    b = arena.field.b
    noted = b.replace("-", "") + "_" * 64
    shown = []
    with application(arena) as wire:
        for setting in arena.field.catalogue.ours:
            for value in (b, noted):
                statement = READ.format(setting=setting, value=value)
                answers = wire.ask(["BEGIN READ ONLY", arena.enter(), statement, "ROLLBACK"])
                assert answers[1].error is None, answers[1].message
                shown += told(arena, answers[2:3])
    return shown


def test_one_select_does_not_change_the_tenant(scratch: Arena) -> None:
    """Attack 2. The control reads what the policies once read: a setting that everybody may write."""
    assert one_select(scratch) == []
    weaken(
        scratch,
        "ALTER POLICY tenant ON memories USING "
        "(organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)",
    )
    assert one_select(scratch), "the control did not come through: this test shows nothing"


# 3: what workers do

CLAIM = "SELECT * FROM claim_jobs('evil', {kinds}, NULL, NULL, 100, 60)"


def others_jobs(arena: Arena) -> list[str]:
    """Attack 3: B's payloads, by the function that hands jobs to workers."""
    arena.admin.one(
        "INSERT INTO background_jobs (organization_id, kind, queue, payload) VALUES "
        f"('{arena.field.b}', 'mail.send', 'default', '{{\"to\": \"{arena.field.theirs.prefix}00000000\"}}')"
    )
    with application(arena) as wire:
        claim = CLAIM.format(kinds="ARRAY['mail.send']")
        within = wire.ask(["BEGIN", arena.enter(), claim, "ROLLBACK"])
        return told(arena, [within[2], *wire.ask([claim])])


def test_the_application_claims_no_jobs(scratch: Arena) -> None:
    """Attack 3. The control gives the application the right back."""
    assert others_jobs(scratch) == []
    signature = "claim_jobs(text, text[], text[], uuid, integer, double precision)"
    weaken(scratch, f"GRANT EXECUTE ON FUNCTION {signature} TO mnemon_app")
    assert others_jobs(scratch), "the control did not come through: this test shows nothing"


def test_the_application_has_nothing_that_workers_do(scratch: Arena) -> None:
    """Attack 3, its brothers: every function that works across organisations is the worker's alone."""
    workers = {f.name for f in scratch.field.catalogue.functions if f.by_worker and not f.by_app}
    wanted = {
        *("claim_jobs", "renew_leases", "release_expired_jobs", "prune_jobs", "organizations_after", "fire_schedules"),
        *("refresh_dashboard", "refresh_knowledge_summaries", "seal_every_trail", "maintain_partitions"),
    }
    assert wanted <= workers


def test_a_password_hash_is_not_for_whoever_asks(scratch: Arena) -> None:
    """Attack 3: the person behind an address is told to who proves to be Mnemon, in A, in none, with a wrong proof."""
    address = scratch.field.theirs.rows["users"]["email"]
    wrong = PROVER.arguments(Principal(uuid4()))[-1].hex()
    right = PROVER.prove(f"user_by_email:{address}").hex()

    def asked(wire: Wire, enter: str, proof: str) -> list[str]:
        question = f"SELECT * FROM find_user_by_email('{address}', {proof})"
        answers = wire.ask(["BEGIN", enter, question, "ROLLBACK"])
        return scratch.field.theirs.marks(answers[2].said, question)

    with application(scratch) as wire:
        for enter in ("SELECT 1", scratch.enter()):
            for proof in ("NULL", "''", "'\\x00'", "sha256('x')", f"'\\x{wrong}'"):
                assert asked(wire, enter, proof) == [], proof
        assert asked(wire, "SELECT 1", f"'\\x{right}'"), "the control did not come through: this test shows nothing"


# 10: locks


_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def test_a_lock_is_bounded(scratch: Arena) -> None:
    """Attack 10: LOCK TABLE is the application's with UPDATE. What it may hold, it holds for a while only.

    The limits of the role are defaults, which a session may change: they end what hangs, not what means to.
    """
    ask = scratch.admin.value
    setting = "SELECT (SELECT string_agg(c, ' ') FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setrole = "
    configured = ask(f"{setting}'mnemon_app'::regrole)") or ""
    assert not [name for name in _LIMITS if name not in configured], "set for the role (docs/security.md)"
    with application(scratch) as wire:
        for relation in scratch.field.catalogue.relations:
            if relation.kind != "m" and (relation.partition or not relation.granted & {"UPDATE", "DELETE"}):
                answers = wire.ask(["BEGIN", f"LOCK TABLE {relation.name} IN ACCESS EXCLUSIVE MODE", "ROLLBACK"])
                assert answers[1].error == "42501", relation.name


def test_a_lock_ends_with_its_session_and_can_be_ended(scratch: Arena) -> None:
    """Attack 10: one that is held on purpose waits for the operator, who sees whose it is and ends it."""
    holder = scratch.wire("mnemon_app")
    holder.ask([*(f"SET {name} = 0" for name in _LIMITS), "BEGIN", "LOCK TABLE memories IN ACCESS EXCLUSIVE MODE"])
    with application(scratch) as wire:
        waiting = wire.ask(["SET lock_timeout = 200", "SELECT count(*) FROM memories"])
        assert waiting[1].error == "55P03"
        ended = scratch.admin.value(
            "SELECT count(pg_terminate_backend(l.pid, 5000)) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE d.datname = current_database() AND l.mode = 'AccessExclusiveLock' AND l.granted "
            "AND l.relation = 'memories'::regclass"
        )
        assert ended == "1"
        assert wire.ask(["SELECT count(*) FROM memories"])[0].error is None
    with pytest.raises(Closed):
        holder.one("SELECT 1")
    holder.close()
