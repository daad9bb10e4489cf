"""The statements of identity use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mnemon.identity.repository_access import OF_PERSON, OF_ROLE
from tests.plans import SIZES, Case, Crowd, Key
from tests.plans import crowd as crowd

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USER, ROLE = Key("user"), Key("role")
PERMISSIONS = "pk_role_permissions|ix_role_permissions_permission"
#: The same hundred rows for everybody.
CATALOGUE = frozenset({"permissions"})

CASES = (
    Case("get_user", (USER,), ("uq_users_organization_id_id|pk_users",), kept=True),
    Case(
        "has_permission",
        (USER, NOW, "memories", "read"),
        ("pk_user_roles", "pk_roles", PERMISSIONS),
        OF_PERSON,
        kept=True,
    ),
    Case(
        "permissions_of", (USER, NOW), ("pk_user_roles", "pk_roles", PERMISSIONS), OF_PERSON, scans=CATALOGUE, kept=True
    ),
    Case(
        "rights_of",
        (USER, NOW),
        ("pk_user_roles", "pk_roles", PERMISSIONS, "uq_team_memberships_organization_id_user_id_team_id"),
        OF_PERSON,
        scans=CATALOGUE,
        kept=True,
    ),
    Case("permissions_of_role", (ROLE,), ("pk_roles", PERMISSIONS), OF_ROLE, scans=CATALOGUE),
    Case("read_oauth_token", (USER, "github"), ("uq_oauth_tokens_organization_id_user_id_provider",), kept=True),
    Case("is_familiar", (USER, "192.0.2.7", NOW), ("ix_sessions_user",), kept=True),
    Case("use_api_key", (Key("key"), NOW), ("pk_api_key_uses",)),
    Case("add_users", (["user-1", "new"],), ("uq_users_organization_id_external_id",)),
    Case(
        "register_device",
        (USER, "token 1", "ios", None, NOW),
        ("uq_devices_organization_id_user_id_device_token",),
    ),
    Case(
        "store_oauth_token",
        (USER, "github", "v1.00000000.x", None, None, "Bearer", [], None),
        ("uq_oauth_tokens_organization_id_user_id_provider",),
    ),
)

#: What signing in asks, before an organisation is known: through a function, whose statement is explained instead.
LOOK_UPS = (
    (
        "find_user",
        "find_user_by_email",
        "'User-1@tenant-1.example.org'::text",
        ("pk_directory", "pk_users", "uq_user_credentials_organization_id_user_id", "ix_sessions_user"),
    ),
    ("find_session", "find_session_by_token_hash", "sha256('mna_1-1')", ("uq_sessions_token_hash",)),
    (
        "find_refresh",
        "find_session_by_refresh_hash",
        "sha256('mnr_1-1')",
        ("uq_sessions_refresh_token_hash", "ix_sessions_previous_refresh", "pk_sessions"),
    ),
    ("find_api_key", "find_api_key_by_hash", "sha256('mnk_1-1')", ("uq_api_keys_key_hash",)),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_statements_use_their_indexes(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.identity", case)


@pytest.mark.parametrize(("name", "function", "value", "indexes"), LOOK_UPS, ids=[one[0] for one in LOOK_UPS])
async def test_look_ups_use_their_indexes(
    crowd: Crowd, name: str, function: str, value: str, indexes: tuple[str, ...]
) -> None:
    tenant = crowd.tenant("large")
    assert function in tenant.statement("mnemon.identity", name)
    source: Any = await crowd.admin.fetchval("SELECT prosrc FROM pg_proc WHERE proname = $1", function)
    query = source.split("RETURN QUERY", 1)[1].rsplit(";", 2)[0].replace("p_email", value).replace("p_hash", value)
    query = query.replace("p_session", f"'{tenant.key(Key('session'))}'::uuid").replace("p_from", "'192.0.2.7'::inet")
    plan = await crowd.owners_plan(query)
    for index in indexes:
        assert plan.uses(index), plan.text
    assert not plan.scanned, plan.text


async def test_forgetting_attempts_uses_its_index(crowd: Crowd) -> None:
    """The first of many that are due, not all of them, with every attempt."""
    await crowd.admin.execute(
        "INSERT INTO sign_in_attempts (subject, last_at) SELECT sha256(n::text::bytea), now() + n * interval '1 s' "
        "FROM generate_series(1, 5000) n ON CONFLICT DO NOTHING"
    )
    await crowd.admin.execute("ANALYZE sign_in_attempts")
    source: Any = await crowd.admin.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'begin_attempt'")
    query = source[source.index("DELETE FROM") :].split(";", 1)[0].replace("p_at", "now()")
    plan = await crowd.owners_plan(query)
    assert plan.uses("ix_sign_in_attempts_last"), plan.text
    assert not plan.scanned, plan.text


async def test_look_ups_keep_their_plans(crowd: Crowd) -> None:
    found = await crowd.admin.fetch(
        "SELECT proname, proconfig FROM pg_proc WHERE proname = ANY($1)",
        [*(function for _, function, _, _ in LOOK_UPS), "begin_attempt", "settle_attempt", "password_hash_of"],
    )
    assert len(found) == len(LOOK_UPS) + 3
    assert all("plan_cache_mode=force_generic_plan" in one["proconfig"] for one in found)
