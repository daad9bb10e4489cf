"""Whether somebody anywhere has an e-mail address or a slug: asked by SQL in every way, and no answer tells.

Each question is put about an address that the other organisation has and about one that nobody has, as long as each
other. Every byte that the server sends must be the same, but for the address itself. On both versions, in both ways of
noting who a transaction is for, as both logins; with controls in which the defence is off and the attack succeeds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest

from tests.attacks.street import Street, street
from tests.attacks.tries import ROLES
from tests.attacks.wire import Answer, Wire
from tests.conftest import ADMIN

__all__ = ["street"]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


_ADD = "INSERT INTO users (organization_id, email) VALUES ('<a>', '<v>')"
_NOTED = "encode(sha256(convert_to('email:<v>', 'UTF8')), 'hex')"
#: What tells by a unique violation, or would.
TAKING: dict[str, tuple[str, ...]] = {
    "insert": (_ADD,),
    "in capitals": ("INSERT INTO users (organization_id, email) VALUES ('<a>', '<V>')",),
    "returning": (f"{_ADD} RETURNING email",),
    "do nothing": (f"{_ADD} ON CONFLICT DO NOTHING",),
    "inferred": (f"{_ADD} ON CONFLICT (lower(email)) DO NOTHING",),
    "named": (f"{_ADD} ON CONFLICT ON CONSTRAINT uq_users_email DO NOTHING",),
    "upsert": (
        (
            "INSERT INTO users (organization_id, external_id) VALUES ('<a>', 'own') "
            "ON CONFLICT (organization_id, external_id) DO UPDATE SET email = '<v>'"
        ),
    ),
    "in a query": (f"WITH made AS ({_ADD} RETURNING 1) SELECT count(*) FROM made",),
    "prepared": ("PREPARE one (text) AS INSERT INTO users (organization_id, email) VALUES ('<a>', $1)",
                 "EXECUTE one ('<v>')"),
    "from a query": ("INSERT INTO users (organization_id, email) SELECT '<a>', x FROM unnest(ARRAY['<v>', '<v>']) x",),
    "explained": (f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) {_ADD}",),
    "for the other": ("INSERT INTO users (organization_id, email) VALUES ('<b>', '<v>')",),
    "for nobody": ("INSERT INTO users (email) VALUES ('<v>')",),
    "as the other": ("INSERT INTO users (id, organization_id, email) VALUES ('<person>', '<a>', '<v>')",),
    "as the other there": ("INSERT INTO users (id, organization_id, email) VALUES ('<person>', '<b>', '<v>')",),
    "update": ("UPDATE users SET email = '<v>' WHERE id = '<own>'",),
    "update all": ("UPDATE users SET email = '<v>'",),
    "after none": ("UPDATE users SET email = NULL", "UPDATE users SET email = '<v>' WHERE id = '<own>'"),
    "merge": (
        (
            "MERGE INTO users u USING (SELECT '<v>' AS email) n ON u.email = n.email "
            "WHEN NOT MATCHED THEN INSERT (organization_id, email) VALUES ('<a>', n.email)"
        ),
    ),
    "merge, matched": (
        "MERGE INTO users USING (SELECT 1) n ON id = '<own>' WHEN MATCHED THEN UPDATE SET email = '<v>'",
    ),
    "copy": ("COPY users (organization_id, email) FROM STDIN",),
    "unproven": ("SELECT take_address('<v>', NULL)", _ADD),
    "proven for the other": ("SELECT take_address('<v>', '<proof address:<b>:<v>>')", _ADD),
    "proven as a question": ("SELECT take_address('<v>', '<proof user_by_email:<v>>')", _ADD),
    "another address's proof": ("SELECT take_address('<v>', '<proof address:<a>:free@example.org>')", _ADD),
    "another address's note": ("SELECT take_address('free@example.org', '<proof address:<a>:free@example.org>')", _ADD),
    "noted": (
        f"SELECT set_config('backtrace_functions', current_setting('backtrace_functions') || {_NOTED}, true)",
        _ADD,
    ),
    "noted, sealed": (
        (
            f"SELECT set_config('app.tenant', \"left\"(noted, 96) || {_NOTED} || \"right\"(noted, 64), true) <> '' "
            "FROM coalesce(current_setting('app.tenant', true), '') noted"
        ),
        _ADD,
    ),
    "noted by the owner's function": (f"SELECT tenant_setting({_NOTED})", _ADD),
    "the directory": ("SELECT * FROM directory",),
    "into it": (f"INSERT INTO directory VALUES (decode({_NOTED}, 'hex'), '<own>')",),
    "its lock": ("LOCK TABLE directory IN ACCESS SHARE MODE",),
    "its digest": ("SELECT directory_digest('email', '<v>')",),
    "sign-in": ("SELECT * FROM find_user_by_email('<v>', '\\x00')",),
    "a reference": ("UPDATE users SET metadata = jsonb_build_object('email', '<v>') WHERE email = '<v>' RETURNING 1",),
}  # fmt: skip
#: The same of slugs.
NAMING: dict[str, tuple[str, ...]] = {
    "update": ("UPDATE organizations SET slug = '<v>'",),
    "update, with more": ("UPDATE organizations SET name = 'x', slug = '<v>' WHERE id = '<a>' RETURNING slug",),
    "after none": ("UPDATE organizations SET slug = NULL", "UPDATE organizations SET slug = '<v>'"),
    "insert": ("INSERT INTO organizations (name, slug) VALUES ('n', '<v>')",),
    "do nothing": ("INSERT INTO organizations (name, slug) VALUES ('n', '<v>') ON CONFLICT DO NOTHING",),
    "upsert": (("INSERT INTO organizations (id, name, slug) VALUES ('<a>', 'n', '<v>') "
               "ON CONFLICT (id) DO UPDATE SET slug = excluded.slug"),),
    "merge": (("MERGE INTO organizations o USING (SELECT 1) n ON o.id = '<a>' "
              "WHEN MATCHED THEN UPDATE SET slug = '<v>'"),),
    "explained": (("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) "
                  "UPDATE organizations SET slug = '<v>'"),),
    "copy": ("COPY organizations (name, slug) FROM STDIN",),
    "unproven": ("SELECT ensure_organization('<v>')",),
    "wrongly proven": ("SELECT ensure_organization('<v>', NULL, '<proof organization:<a>>')",),
    "its digest": ("SELECT directory_digest('slug', '<v>')",),
    "a query": ("SELECT id FROM organizations WHERE slug = '<v>'",),
}  # fmt: skip
#: How a name may be asked for.
ASKED = {
    "users": ("email = {v}", "lower(email) = {v}", "email LIKE {v}", "email >= {v}", "email IN ({v}, 'x')",
              "lower(email) = {v} AND organization_id = '<b>'", 'email::text COLLATE "C" = {v}'),
    "organizations": ("slug = {v}", "slug LIKE {v}", "slug >= {v} AND slug <= {v}", "slug = {v} AND id = '<b>'",
                      "slug IN ({v}, 'x')", "starts_with(slug, {v})"),
}  # fmt: skip
PLANS = (
    (),
    ("enable_seqscan = off",),
    ("enable_seqscan = off", "enable_indexscan = off", "enable_indexonlyscan = off"),
    ("enable_seqscan = off", "enable_bitmapscan = off"),
)
_EXPLAIN = "EXPLAIN (ANALYZE, VERBOSE, COSTS {costs}, TIMING OFF, SUMMARY OFF, BUFFERS OFF)"


def leveled(answers: list[Answer], value: str) -> list[str]:
    """What was said, without the name that was asked for and without ids that were made for it."""
    noted = [f"email:{value}", f"slug:{value}"]
    found = []
    for answer in answers:
        text = f"{answer.error} {answer.said.decode(errors='backslashreplace')}"
        for word in (value, value.upper(), *(hash_of(one) for one in noted)):
            text = text.replace(word, "<name>")
        found.append(_UUID.sub("<id>", text))
    return found


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def answers(street: Street, wire: Wire, statements: tuple[str, ...], value: str, within: UUID | None) -> list[str]:
    """What a login is told that says these about a name, in an organisation or in none; nothing of it stays."""
    wire.feed = f"{street.mine}\t{value}\n".encode()
    begin = ["BEGIN", *([] if within is None else [street.enter(within)])]
    for answer in wire.ask(begin):
        assert answer.error is None, answer.message
    said = []
    for statement in statements:  # each may fail, and the next one is said all the same
        _, answer = wire.ask(["SAVEPOINT before", street.put(statement, value)])
        said.append(answer)
        if answer.error is not None:
            wire.ask(["ROLLBACK TO before"])
    wire.ask(["ROLLBACK", "DEALLOCATE ALL"])
    return leveled(said, value)


def differing(street: Street, role: str, ways: dict[str, tuple[str, ...]], taken: str) -> list[str]:
    """The ways in which the answer tells whether somebody has the name."""
    found = []
    with street.wire(role) as wire:
        for name, statements in ways.items():
            for within in (street.mine, None):
                free = street.free(taken)
                if answers(street, wire, statements, taken, within) != answers(street, wire, statements, free, within):
                    found.append(name)
    return found


def told(street: Street, role: str, statements: tuple[str, ...], value: str) -> list[str]:
    """What a login is told in the attacker's organisation."""
    with street.wire(role) as wire:
        return answers(street, wire, statements, value, street.mine)


def questions(table: str) -> dict[str, tuple[str, ...]]:
    """Every question about a name of this table, by every plan, with and without estimates."""
    found = {}
    for asked in ASKED[table]:
        for number, plan in enumerate(PLANS):
            settings = tuple(f"SET LOCAL {setting}" for setting in plan)
            for costs in ("OFF", "ON"):
                explain = _EXPLAIN.format(costs=costs)
                query = f"SELECT 1 FROM {table} WHERE {asked.format(v=chr(39) + '<v>' + chr(39))}"
                found[f"{asked}, plan {number}, costs {costs}"] = (*settings, f"{explain} {query}")
            kept = "SET LOCAL plan_cache_mode = force_generic_plan"
            prepare = f"PREPARE asked (text) AS SELECT 1 FROM {table} WHERE {asked.format(v='$1')}"
            execute = f"{_EXPLAIN.format(costs='OFF')} EXECUTE asked ('<v>')"
            found[f"{asked}, plan {number}, kept"] = (*settings, kept, prepare, execute)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_tells_whether_somebody_has_an_address(street: Street, role: str) -> None:
    assert differing(street, role, TAKING, street.address) == []
    refused = told(street, role, TAKING["insert"], street.address)
    assert refused[0].startswith("42501 "), refused
    for name, statements in TAKING.items():  # the questions are understood, or they would show nothing
        if name not in {"inferred", "named"}:
            said = told(street, role, statements, street.address)
            assert not [one for one in said if one.startswith(("42601", "42703", "42P01", "42883", "42804"))], said


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_tells_whether_an_organisation_has_a_slug(street: Street, role: str) -> None:
    assert differing(street, role, NAMING, street.slug) == []
    refused = told(street, role, NAMING["update"], street.slug)
    assert refused[0].startswith("42501 "), refused


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", ASKED)
def test_no_plan_tells(street: Street, table: str, role: str) -> None:
    taken = street.address if table == "users" else street.slug
    assert differing(street, role, questions(table), taken) == []
    own = told(street, role, questions("users")["email = {v}, plan 0, costs OFF"], "own@example.org")
    assert re.search(r"actual rows=1(\.00)? ", own[-1]), "what one has is found"


def test_counters_of_the_server_tell_nothing(street: Street) -> None:
    """What is refused has asked no index: neither the directory's, nor one of the tables'."""
    counters = (
        "SELECT s.indexrelname, s.idx_scan, s.idx_tup_read, s.idx_tup_fetch FROM pg_stat_all_indexes s "
        "WHERE s.relname IN ('users', 'directory', 'organizations') ORDER BY 1"
    )
    with street.wire(ADMIN) as admin:
        for statements, taken in ((TAKING["insert"], street.address), (TAKING["do nothing"], street.address),
                                  (TAKING["update"], street.address), (NAMING["update"], street.slug)):  # fmt: skip
            grown = []
            for value in (taken, street.free(taken)):
                before = admin.one(counters).rows
                with street.wire("mnemon_app") as wire:
                    begin = ["BEGIN", street.enter()]
                    flush = ["SELECT pg_stat_force_next_flush()", "ROLLBACK"]
                    wire.ask([*begin, street.put(statements[-1], value), *flush])
                    wire.ask(["SELECT pg_stat_force_next_flush()"])
                after = admin.one(counters).rows
                grown.append([[int(new or 0) - int(old or 0) for new, old in zip(one[1:], other[1:], strict=True)]
                              for one, other in zip(after, before, strict=True)])  # fmt: skip
            assert grown[0] == grown[1], (statements, grown)


def test_the_process_takes_an_address_and_is_told(street: Street) -> None:
    """The right proof lets one transaction of one organisation take one address, in any case, and no other."""
    free = f"new.{uuid4().hex[:12]}@example.org"
    add = "INSERT INTO users (organization_id, email) VALUES ('<a>', '<v>')"
    with street.wire("mnemon_app") as wire:

        def said(*statements: str, within: UUID | None = street.mine) -> str | None:
            begin = ["BEGIN", *([] if within is None else [street.enter(within)])]
            *_, last, _ = wire.ask([*begin, *(street.put(one, free) for one in statements), "ROLLBACK"])
            return last.error

        take = street.take(free)
        assert said(take, add) is None
        assert said(take, add.replace("<v>", "<V>")) is None
        assert said(street.take(free.upper()), add) is None
        assert said(take, "UPDATE users SET email = '<v>' WHERE id = '<own>'") is None
        assert said(street.take(street.address), add.replace("<v>", street.address)) == "23505", "the process is told"
        assert said(add) == "42501", "another transaction"
        assert said(take, add.replace("<v>", f"x{free}")) == "42501", "another address"
        assert said(take, street.enter(), add) == "42501", "entered again"
        assert said("SAVEPOINT s", take, "ROLLBACK TO s", add) == "42501", "taken back"
        assert said(take, within=street.theirs) == "MN001", "another organisation"
        assert said(take, within=None) == "MN001", "no organisation"
        assert said("UPDATE users SET email = NULL, external_id = 'own' WHERE id = '<own>'") is None, "given up"
        assert said("UPDATE users SET display_name = 'x'") is None, "nothing else needs it"
        assert said(take, "SELECT current_tenant()::text || current_user_id()") is None
        assert said(take, "SELECT 1 / (current_tenant() = '<a>' AND current_user_id() IS NULL)::int") is None


@contextmanager
def without(street: Street, off: str, on: str) -> Iterator[None]:
    """A defence taken away for a while."""
    with street.wire(ADMIN) as admin:
        admin.one(off)
        try:
            yield
        finally:
            admin.one(on)


def test_without_the_guards_the_attack_succeeds(street: Street) -> None:
    """The control: each of these tells then, so the test would see it."""
    guards = "ALTER TABLE users {0} TRIGGER guard_address, {0} TRIGGER guard_new_address"
    with without(street, guards.format("DISABLE"), guards.format("ENABLE")):
        found = set(differing(street, "mnemon_app", TAKING, street.address))
    assert found >= {
        *("insert", "in capitals", "returning", "do nothing", "upsert", "in a query", "prepared", "explained"),
        *("update", "after none", "merge", "merge, matched", "unproven", "noted"),
    }
    guard = "ALTER TABLE organizations {0} TRIGGER guard_slug"
    with without(street, guard.format("DISABLE"), guard.format("ENABLE")):
        found = set(differing(street, "mnemon_app", NAMING, street.slug))
    assert found >= {"update", "update, with more", "after none", "merge", "explained"}


@pytest.mark.parametrize(
    ("table", "index"),
    [("organizations", "organizations (slug)"), ("users", "users (email)")],
)
def test_with_an_index_of_all_the_plans_tell(street: Street, table: str, index: str) -> None:
    """The control: an index of the whole installation over what a leakproof operator compares."""
    taken = street.address if table == "users" else street.slug
    with without(street, f"CREATE UNIQUE INDEX told ON {index}", "DROP INDEX told"):
        assert differing(street, "mnemon_app", questions(table), taken)


def test_the_directory_has_everybody_and_nobody_else(street: Street) -> None:
    """Each address and each slug stands in it once, whoever wrote the row, and goes with it."""
    same = (
        "SELECT count(*) FROM (SELECT directory_digest('email', lower(email)), id FROM users WHERE email IS NOT NULL "
        "UNION ALL SELECT directory_digest('slug', slug), id FROM organizations WHERE slug IS NOT NULL) n "
        "FULL JOIN directory d "
        "ON (n.directory_digest, n.id) = (d.digest, d.id) WHERE n.id IS NULL OR d.id IS NULL"
    )
    with street.wire(ADMIN) as admin:
        assert admin.value(same) == "0"
        for change in (
            "INSERT INTO users (email) VALUES ('operator@example.org')",
            "UPDATE users SET email = upper(email)",
            "UPDATE users SET email = 'x' || email WHERE email LIKE 'MORE%'",
            "UPDATE users SET email = NULL WHERE external_id LIKE 'more-1%'",
            "UPDATE users SET deleted_at = now()",
            "UPDATE organizations SET slug = slug || 'x'",
            "UPDATE organizations SET slug = NULL WHERE slug < 'org-8'",
            "DELETE FROM users WHERE external_id LIKE 'more-2%'",
            f"DELETE FROM organizations WHERE id = '{street.theirs}'",
            "DELETE FROM organizations",
        ):
            admin.ask(["BEGIN"])
            admin.one(change)
            assert admin.value(same) == "0", change
            admin.ask(["ROLLBACK"])
        for twice, table, constraint in (
            (f"INSERT INTO users (email) VALUES ('{street.address.upper()}')", "users", "uq_users_email"),
            (f"UPDATE users SET email = '{street.address}' WHERE id = '{street.own}'", "users", "uq_users_email"),
            (f"INSERT INTO organizations (name, slug) VALUES ('n', '{street.slug}')", "organizations",
             "uq_organizations_slug"),
        ):  # fmt: skip
            answer = admin.ask([twice])[0]
            assert answer.error == "23505"
            assert f"t{table}\0".encode() in answer.said
            assert f"n{constraint}\0".encode() in answer.said
