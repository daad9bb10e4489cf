"""What logins may do and what functions run with, read off the catalogue: the rules that the attacks met."""

from __future__ import annotations

import pytest

from tests.attacks.catalogue import functions
from tests.attacks.run import Arena
from tests.attacks.tries import ROLES

PATH = "search_path=pg_catalog, public, pg_temp"

#: Functions that PUBLIC may call, and why that gives nobody anything.
OPEN: dict[str, str] = {}


def test_every_function_of_ours_looks_names_up_where_no_caller_can_put_any(arena: Arena) -> None:
    loose = [
        function.signature
        for function in functions(arena.admin)
        if function.ours
        and not function.aggregate
        and function.language not in {"internal", "c"}
        and PATH not in function.config.split("\x02")
        and not function.bound
    ]
    assert not loose, "SET search_path = pg_catalog, public, pg_temp, or LANGUAGE sql with BEGIN ATOMIC"


def test_a_function_with_its_owners_rights_names_its_search_path(arena: Arena) -> None:
    """A body with bound names is not enough there: what it calls looks names up with the path that it leaves."""
    loose = [f.signature for f in functions(arena.admin) if f.ours and f.definer and PATH not in f.config.split("\x02")]
    assert not loose


def test_no_function_with_its_owners_rights_is_a_superusers(arena: Arena) -> None:
    everything = functions(arena.admin) + functions(arena.admin, "pg_catalog")
    assert not [f"{f.signature} of {f.owner}" for f in everything if f.definer and f.superuser]


def test_public_may_call_nothing_that_reads_or_writes_a_table(arena: Arena) -> None:
    """Triggers cannot be called; of the others PUBLIC has those that compute, each by its own rights alone."""
    definers = [f.signature for f in functions(arena.admin) if f.ours and f.definer and f.public and not f.trigger]
    assert sorted(definers) == sorted(OPEN), "REVOKE ALL ON FUNCTION ... FROM PUBLIC"


@pytest.mark.parametrize("role", ROLES)
def test_logins_own_nothing_and_make_nothing(arena: Arena, role: str) -> None:
    ask = arena.admin.value
    assert ask(f"SELECT to_regrole('{role}') IS NOT NULL") == "t"
    assert ask(f"SELECT count(*) FROM pg_shdepend WHERE refobjid = '{role}'::regrole AND deptype = 'o'") == "0"
    powers = "rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication"
    assert ask(f"SELECT {powers} FROM pg_roles WHERE rolname = '{role}'") == "f"
    created = "SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'"
    assert ask(f"{created} AND has_schema_privilege('{role}', oid, 'CREATE')") is None
    for right in ("CREATE", "TEMPORARY"):
        assert ask(f"SELECT has_database_privilege('{role}', current_database(), '{right}')") == "f", right
    languages = "SELECT string_agg(lanname, ' ') FROM pg_language"
    assert ask(f"{languages} WHERE lanpltrusted AND has_language_privilege('{role}', oid, 'USAGE')") is None
    more = "INSERT', 'UPDATE', 'DELETE', 'SELECT"
    assert ask(
        "SELECT string_agg(DISTINCT c.relname || ' ' || a.privilege_type, ', ') FROM pg_class c, "
        "aclexplode(c.relacl) a "
        f"WHERE a.grantee = '{role}'::regrole AND (a.privilege_type NOT IN ('{more}', 'USAGE') OR a.is_grantable)"
    ) is None  # fmt: skip
    member = "SELECT string_agg(roleid::regrole::text, ' ') FROM pg_auth_members WHERE member ="
    assert ask(f"{member} '{role}'::regrole") == (None if role == "mnemon_app" else "mnemon_app")
    parameters = "SELECT count(*) FROM pg_settings WHERE context = 'superuser'"
    assert ask(f"{parameters} AND has_parameter_privilege('{role}', name, 'SET')") == "0"


def test_nothing_that_is_made_later_is_given_away(arena: Arena) -> None:
    given = "SELECT string_agg(defaclobjtype::text || ' ' || defaclacl::text, ', ') FROM pg_default_acl"
    assert arena.admin.value(given) is None


def test_partitions_and_materialized_views_are_nobodys(arena: Arena) -> None:
    granted = [r.name for r in arena.field.catalogue.relations if (r.partition or r.kind == "m") and r.granted]
    assert not granted


def test_what_is_unique_over_all_organisations_is_an_id_or_a_hash(arena: Arena) -> None:
    """A unique index without the organisation tells whoever inserts whether another has the value."""
    tenants = {r.name: r.tenant for r in arena.field.catalogue.relations if r.tenant}
    shared = {
        f"{index.table} ({', '.join(index.columns)})"
        for index in arena.field.catalogue.indexes
        if index.unique and index.table in tenants and "organization_id" not in index.columns
    }
    assert shared == UNIQUE_FOR_ALL


#: What is compared by operators that look at a row before the policy does, and of which there are few or known values.
_WORDS = {"text", "character varying", "boolean", "integer", "bigint", "smallint", "inet", "date"}


def test_what_an_index_of_all_organisations_begins_with_is_no_word(arena: Arena) -> None:
    """A plan says how many entries it stepped on: of all organisations, if another column comes before theirs."""
    relations = {r.name: r for r in arena.field.catalogue.relations if r.tenant}
    enums = {row[0] for row in arena.admin.one("SELECT typname FROM pg_type WHERE typtype = 'e'").rows}
    loose = []
    for index in arena.field.catalogue.indexes:
        relation, first = relations.get(index.table), index.columns[0]
        if relation is None or first == relation.tenant or first.startswith("search_words("):
            continue
        kind = dict(relation.columns).get(first)
        if kind is None or kind in _WORDS or kind in enums:
            loose.append(f"{index.name}: {first}")
    assert not loose, "let organization_id come first"


#: Unique over all organisations, since they are looked up before one is known: random ids and hashes of secrets.
#: Addresses and slugs, by which people and organisations are found, stand in a directory that is the owner's alone.
UNIQUE_FOR_ALL = {
    "api_keys (id)", "api_keys (key_hash)",
    "mfa_devices (id)", "oauth_tokens (id)", "organizations (id)",
    "sessions (id)", "sessions (refresh_token_hash)", "sessions (token_hash)",
    "user_credentials (id)", "users (id)",
}  # fmt: skip
