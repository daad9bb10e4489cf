"""REQ-T106: every state change of the critical tables is in the trail, without secrets, and stays as it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon.context import Context
from mnemon.conversations.schemas import NewMessage
from mnemon.core.errors import Forbidden, Invalid
from mnemon.core.principal import INSTALLATION
from mnemon.core.text import parse
from mnemon.memory import service as memory_service
from mnemon.memory.schemas import Remember
from mnemon.operations import service
from mnemon.operations.repository import AuditLogRepository
from mnemon.operations.schemas import AuditEntry, AuditEvent, AuditQuery
from tests.conftest import APP, Server
from tests.factories import rows_of


async def trail(ctx: Context, **query: Any) -> list[AuditEntry]:
    """The organisation's trail, oldest first."""
    found = await service.audit_trail(ctx, AuditQuery(limit=1000, **query))
    return list(reversed(found.items))


async def run(ctx: Context, *statements: str) -> None:
    async with ctx.database.transaction(ctx.principal) as connection:
        for statement in statements:
            await connection.execute(statement.replace("$org", f"'{ctx.principal.organization_id}'"))


async def test_every_change_of_an_agent_is_in_the_trail(ctx: Context, admin: Any) -> None:
    await run(ctx, "INSERT INTO agents (organization_id, name, slug, tagline) VALUES ($org, 'Scout', 'scout', 'looks')")
    await run(ctx, "UPDATE agents SET tagline = 'finds', status = 'active'")
    await run(ctx, "UPDATE agents SET tagline = 'finds'")
    await run(ctx, "UPDATE agents SET deleted_at = now()")
    await run(ctx, "UPDATE agents SET deleted_at = NULL")
    await admin.execute("DELETE FROM agents WHERE organization_id = $1", ctx.principal.organization_id)
    entries = await trail(ctx, resource_type="agents")
    assert [entry.action for entry in entries] == [
        "agents:create",
        "agents:update",
        "agents:delete",
        "agents:restore",
        "agents:delete",
    ]
    made, updated, *_, gone = entries
    assert made.new_value["name"] == "Scout"
    assert made.old_value == {}
    assert (updated.old_value, updated.new_value) == (
        {"tagline": "looks", "status": "draft"},
        {"tagline": "finds", "status": "active"},
    )
    assert gone.old_value["tagline"] == "finds"
    assert {entry.resource_id for entry in entries} == {made.new_value["id"]}


async def test_who_and_from_where(ctx: Context) -> None:
    user, agent, session = uuid4(), uuid4(), uuid4()
    acting = ctx.as_principal(replace(ctx.principal, user_id=user, agent_id=agent))
    async with ctx.database.transaction(acting.principal) as connection:
        await service.note_origin(connection, ip="2001:db8::7", user_agent="curl/8", session_id=session)
        await connection.execute("SET LOCAL app.reason = 'asked to'")
        await connection.execute("UPDATE organizations SET plan_type = 'pro'")
    entry = (await trail(ctx, action="organizations:update"))[-1]
    assert (entry.user_id, entry.agent_id, entry.session_id) == (user, agent, session)
    assert (entry.ip_address, entry.user_agent) == ("2001:db8::7", "curl/8")
    assert entry.metadata == {"reason": "asked to"}
    assert entry.new_value == {"plan_type": "pro"}
    assert await trail(ctx, user_id=user) == [entry]
    assert await trail(ctx, agent_id=uuid4()) == []


async def test_an_origin_that_is_none_stops_nothing(ctx: Context) -> None:
    async with ctx.database.transaction(ctx.principal) as connection:
        await service.note_origin(connection, ip="unknown", user_agent="x" * 5000)
        await connection.execute("SET LOCAL app.session_id = 'nonsense'")
        await connection.execute("UPDATE organizations SET plan_type = 'pro'")
    entry = (await trail(ctx, action="organizations:update"))[-1]
    assert (entry.ip_address, entry.session_id) == (None, None)
    assert entry.user_agent is not None
    assert len(entry.user_agent) == 1000


@pytest.mark.parametrize(
    "table",
    [
        "organizations",
        "users",
        "teams",
        "team_memberships",
        "agents",
        "conversations",
        "memories",
        "roles",
        "user_roles",
        "api_keys",
        "sessions",
        "user_credentials",
    ],
)
async def test_the_critical_tables_are_audited(admin: Any, table: str) -> None:
    found = await admin.fetch(
        "SELECT tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
        "WHERE p.proname = 'audit_row' AND t.tgrelid = $1::text::regclass",
        table,
    )
    assert {row["tgname"] for row in found} == {"audit_create", "audit_update", "audit_delete"}


async def test_a_password_never_gets_into_the_trail(admin: Any, ctx: Context) -> None:
    user = await admin.fetchval(
        "INSERT INTO users (organization_id, external_id) VALUES ($1, 'ada') RETURNING id",
        ctx.principal.organization_id,
    )
    secret = "$2b$12$" + "x" * 53
    await admin.execute(
        "INSERT INTO user_credentials (organization_id, user_id, password_hash) VALUES ($1, $2, $3)",
        *(ctx.principal.organization_id, user, secret),
    )
    await admin.execute(
        "UPDATE user_credentials SET password_hash = $2 WHERE user_id = $1", user, secret.replace("x", "y")
    )
    made, changed = await trail(ctx, resource_type="user_credentials")
    assert made.new_value["password_hash"] == "(not kept)"
    assert changed.new_value["password_hash"] == changed.old_value["password_hash"] == "(not kept)"
    everything = await admin.fetch(
        "SELECT a::text FROM audit_logs a WHERE organization_id = $1", ctx.principal.organization_id
    )
    assert not [row for row in everything if "$2b$" in row[0]]


SECRETS = [
    "password",
    "api_key",
    "client_secret",
    "access_token",
    "key_hash",
    "refresh_token_encrypted",
    "otp",
    "apiKey",
]


@given(
    st.recursive(
        st.one_of(st.integers(-9, 9), st.booleans(), st.none(), st.text("ab", max_size=3)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from([*SECRETS, "name", "tokens_used", "n"]), inner, max_size=4),
        ),
        max_leaves=12,
    )
)
async def test_no_key_of_a_secret_keeps_its_value_however_deep(server: Server, value: Any) -> None:
    connection = await server.connect(APP)
    try:
        found = json.loads(await connection.fetchval("SELECT audit_redact($1::text::jsonb)::text", json.dumps(value)))
    finally:
        await connection.close()

    def expected(item: Any) -> Any:
        if isinstance(item, dict):
            return {
                key: "(not kept)"
                if key in SECRETS and not (inner is None or isinstance(inner, bool))
                else expected(inner)
                for key, inner in item.items()
            }
        return [expected(one) for one in item] if isinstance(item, list) else item

    assert found == expected(value)


async def test_a_token_count_is_no_secret(admin: Any) -> None:
    for name in ("total_input_tokens", "max_output_tokens", "token_count", "token_budget", "name", "slug", "is_pinned"):
        assert not await admin.fetchval("SELECT audit_secret($1)", name), name


async def test_what_a_service_has_to_tell(ctx: Context, other: Context) -> None:
    person = uuid4()
    event = AuditEvent(
        action="sessions:create",
        resource_type="users",
        resource_id="ada@example.org",
        status="denied",
        error_message="wrong password",
        user_id=person,
        metadata={"password": "hunter2", "attempt": 3},
        ip_address="192.0.2.1",
    )
    made = await service.record_event(ctx, event)
    entry = (await trail(ctx))[-1]
    assert entry.id == made.id
    assert (entry.status.value, entry.error_message, entry.user_id) == ("denied", "wrong password", person)
    assert entry.metadata == {"password": "(not kept)", "attempt": 3, "claimed": True}  # who it was, it says itself
    assert entry.ip_address == "192.0.2.1"
    assert made.id not in {one.id for one in await trail(other)}


async def test_without_an_organisation_an_event_is_the_installations(ctx: Context, admin: Any) -> None:
    mark = uuid4().hex
    async with ctx.database.untenanted() as connection:
        await connection.fetchval("SELECT record_audit('sessions:create', 'users', $1, 'failure')", mark)
    assert await admin.fetchval("SELECT organization_id FROM audit_logs WHERE resource_id = $1", mark) == INSTALLATION


async def test_remembering_thousands_is_one_entry(ctx: Context) -> None:
    await run(
        ctx, "INSERT INTO memories (organization_id, content) SELECT $org, 'm ' || n FROM generate_series(1, 2000) n"
    )
    entries = await trail(ctx, resource_type="memories")
    assert [entry.action for entry in entries] == ["memories:create"]
    assert entries[0].new_value["rows"] == 2000
    assert len(entries[0].new_value["ids"]) == 100
    assert entries[0].resource_id is None


async def test_a_memory_that_changes_is_in_the_trail_without_its_content(ctx: Context) -> None:
    await run(ctx, "INSERT INTO memories (organization_id, content) VALUES ($org, 'the harbour is closed')")
    await run(ctx, "UPDATE memories SET importance = 9", "UPDATE memories SET access_count = access_count + 1")
    await run(ctx, "UPDATE memories SET is_indexed = true", "DELETE FROM memories")
    entries = await trail(ctx, resource_type="memories")
    assert [entry.action for entry in entries] == ["memories:create", "memories:update", "memories:delete"]
    assert (entries[1].old_value, entries[1].new_value) == ({"importance": 5}, {"importance": 9})
    assert "harbour" not in str(entries)
    assert len({entry.resource_id for entry in entries}) == 1


async def test_messages_leave_only_their_conversation_in_the_trail(ctx: Context) -> None:
    said = NewMessage(content="hello", conversation="c1", role="user")
    await memory_service.remember(ctx, Remember(items=(said,)))
    assert [entry.action for entry in await trail(ctx) if entry.resource_type in ("conversations", "messages")] == [
        "conversations:create"
    ]


async def test_an_error_takes_its_entries_with_it(ctx: Context) -> None:
    before = len(await trail(ctx))
    with pytest.raises(Invalid):
        await run(ctx, "UPDATE organizations SET plan_type = 'pro'", "UPDATE organizations SET name = ''")
    assert len(await trail(ctx)) == before


async def test_nobody_changes_the_trail(ctx: Context, admin: Any) -> None:
    where = f"WHERE organization_id = '{ctx.principal.organization_id}'"
    await service.seal_audit(ctx)
    for table in ("audit_logs", "audit_blocks"):
        for statement in (
            f"UPDATE {table} SET organization_id = organization_id {where}",
            f"DELETE FROM {table} {where}",
        ):
            # Not the application, and not who owns the table.
            with pytest.raises(Forbidden):
                await run(ctx, statement)
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await admin.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await admin.execute(f"TRUNCATE {table}")
    with pytest.raises(Forbidden):
        await run(ctx, "INSERT INTO audit_logs (organization_id, action) VALUES ($org, 'forged:row')")


async def test_the_repository_of_the_trail_only_reads(ctx: Context) -> None:
    async with ctx.database.session(ctx.principal) as session:
        repository = AuditLogRepository(session, ctx.principal.organization_id)
        first = (await rows_of(repository))[0]
        assert (await repository.get_by_id(first.id)) is first
        for attempt in (
            repository.create(action="forged:row"),
            repository.update(first.id, action="forged:row"),
            repository.delete(first.id),
        ):
            with pytest.raises(Forbidden) as caught:
                await attempt
            assert caught.value.code == "forbidden.append_only"


async def test_the_trail_a_page_at_a_time(ctx: Context) -> None:
    for number in range(7):
        await service.record_event(ctx, AuditEvent(action="page:turn", resource_id=str(number)))
    seen: list[str | None] = []
    cursor = None
    while True:
        page = await service.audit_trail(ctx, AuditQuery(action="page:turn", cursor=cursor, limit=3))
        seen += [entry.resource_id for entry in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == [str(number) for number in reversed(range(7))]


async def test_others_see_nothing_of_the_trail(
    ctx: Context, other: Context, make_agent: Callable[..., Awaitable[UUID]]
) -> None:
    await make_agent(ctx)
    mine = {entry.id for entry in await trail(ctx)}
    theirs = {entry.id for entry in await trail(other)}
    assert mine
    assert not mine & theirs
    async with other.database.transaction(other.principal) as connection:
        query = "SELECT count(*) FROM audit_logs WHERE organization_id = $1"
        assert await connection.fetchval(query, ctx.principal.organization_id) == 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"action": "no colon"}, "action"),
        ({"action": "a:" + "b" * 100}, "action"),
        ({"action": "a:b", "status": "perhaps"}, "status"),
        ({"action": "a:b", "ip_address": "nowhere"}, "ip_address"),
        ({"action": "a:b", "resource_type": ""}, "resource_type"),
        ({"action": "a:b", "error_message": "\x00"}, "error_message"),
        ({"action": "a:b", "metadata": []}, "metadata"),
        ({"action": "a:b", "nothing": 1}, "nothing"),
    ],
)
def test_events_that_are_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(AuditEvent, values)
    assert caught.value.data["field"] == field


async def test_permissions(limited: Context) -> None:
    for attempt in (
        service.audit_trail(limited, AuditQuery()),
        service.record_event(limited, AuditEvent(action="a:b")),
        service.seal_audit(limited),
        service.seal_audits(limited),
        service.verify_audit(limited),
    ):
        with pytest.raises(Forbidden) as caught:
            await attempt
        assert caught.value.code == "forbidden.permission"


async def test_the_trail_uses_its_indexes(ctx: Context, server: Server) -> None:
    await run(ctx, *["SELECT record_audit('a:b', 'x', g::text) FROM generate_series(1, 3000) g"])
    connection = await server.connect()
    await connection.execute("ANALYZE audit_logs")
    await connection.close()
    async with ctx.database.transaction(ctx.principal) as hot:
        plan = await hot.fetch(
            "EXPLAIN SELECT * FROM audit_logs WHERE organization_id = $1 AND resource_type = 'x' AND resource_id = '7' "
            "ORDER BY created_at DESC LIMIT 10",
            ctx.principal.organization_id,
        )
    text = "\n".join(row[0] for row in plan)
    assert f"using audit_logs_{datetime.now(UTC):%Y%m}01_organization_id_resource_type" in text


async def test_two_changes_at_once_are_both_in_the_trail(ctx: Context) -> None:
    async def one(number: int) -> None:
        await run(ctx, f"INSERT INTO agents (organization_id, name, slug) VALUES ($org, 'a', 'agent-{number}')")

    await asyncio.gather(*(one(number) for number in range(10)))
    assert len(await trail(ctx, action="agents:create")) == 10
