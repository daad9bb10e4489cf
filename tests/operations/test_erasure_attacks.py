"""Erasure as a weapon: nothing of anybody else's goes, no misdeed is hidden, and nobody erases above themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, NotFound
from mnemon.core.principal import Principal
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import RoleAssign, RoleCreate
from mnemon.migrations import runner
from mnemon.operations import service
from mnemon.operations.schemas import AuditEvent, Erase, ErasureKind, NameField
from tests.conftest import Server
from tests.factories import context_of, upgrade
from tests.identity.access import acting, person
from tests.operations.test_erasure import make_user, naming, snapshot
from tests.patience import PATIENCE

_KNOW = (
    "INSERT INTO knowledge_items (organization_id, domain, content, source_agent_id) "
    "VALUES ($1, 'things', $2, $3) RETURNING id"
)


def user(name: str | UUID, **more: Any) -> Erase:
    return Erase(kind=ErasureKind.USER, name=str(name), **more)


async def owner(ctx: Context, role: str = "owner", by: Context | None = None) -> Context:
    """A person who has a role of the system, and acts with what it gives."""
    made = await person(ctx)
    await identity.assign_role(by or ctx, RoleAssign(user_id=made.id, role=role))
    return acting(ctx, made, *await identity.permissions_of(ctx, made.id))


def who(ctx: Context) -> UUID:
    assert ctx.principal.user_id is not None
    return ctx.principal.user_id


async def test_a_name_that_is_a_word_takes_nothing_of_others(
    new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any, make_agent: Callable[..., Awaitable[UUID]]
) -> None:
    memory = await new_memory()
    ctx = context_of(memory)
    own = ctx.principal.organization_id
    victim = await make_user(ctx, "user", email="talk@example.org")
    await memory.remember("The user of the house.", user="ben", metadata={"role": "user", "to": "talk@example.org"})
    agent = await make_agent(ctx)
    await admin.execute(_KNOW, own, '{"title": "user", "mail": ["talk@example.org"]}', agent)
    for table, columns, values in (
        ("background_jobs", "kind, payload", "'test.work', '{\"kind\": \"user\"}'"),
        ("background_jobs", "kind, payload", "'mail.send', '{\"to\": \"talk@example.org\"}'"),
        ("import_checkpoints", "source, position", "'x', '{\"file\": \"user.jsonl\"}'"),
        ("webhook_endpoints", "url, secret_encrypted", "'https://example.org/user', 'x'"),
        ("patterns", "type, name, pattern_data", "'convergent', 'user', '{\"a\": \"user\"}'"),
        ("workflows", "name, steps", "'user', '[{\"name\": \"user\"}]'"),
    ):
        await admin.execute(f"INSERT INTO {table} (organization_id, {columns}) VALUES ($1, {values})", own)
    await service.record_event(ctx, AuditEvent(action="door:open", resource_type="doors", resource_id="user"))
    before = await snapshot(admin, own)
    receipt = await memory.erase(user="user")
    assert receipt.counts == {"users": 1}
    assert receipt.detached == {}
    after = await snapshot(admin, own)
    for table, rows in before.items():
        gone = [row for row in rows if row not in after[table]]
        assert all(str(victim) in row for row in gone), (table, gone)


async def test_who_has_another_s_id_as_a_name_takes_nothing_of_theirs(ctx: Context, admin: Any) -> None:
    own = ctx.principal.organization_id
    ada = await make_user(ctx, "ada", full_name="Ada")
    await service.record_event(
        ctx, AuditEvent(action="door:open", resource_type="users", resource_id=str(ada), metadata={"said": str(ada)})
    )
    for table, columns, values in (
        ("background_jobs", "kind, payload", f"'a.b', '{{\"user_id\": \"{ada}\"}}'"),
        ("notifications", "user_id, type, title, data", f"'{ada}', 'x', 'x', '{{\"a\": \"{ada}\"}}'"),
    ):
        await admin.execute(f"INSERT INTO {table} (organization_id, {columns}) VALUES ($1, {values})", own)
    mallory = await make_user(ctx, str(ada), email="mallory@example.org")
    await service.seal_audit(ctx)
    mine = await naming(admin, own, ada)
    mine["users"] = [row for row in mine["users"] if str(mallory) not in row]
    trail = "SELECT to_jsonb(a)::text FROM audit_logs a WHERE organization_id = $1 AND resource_id = $2 ORDER BY id"
    about = await admin.fetch(trail, own, str(ada))
    assert len(about) == 2
    with pytest.raises(Conflict) as caught:
        await service.erase(ctx, user(ada))
    assert caught.value.code == "conflict.ambiguous"
    assert {(c["id"], *c["matched"]) for c in caught.value.data["candidates"]} == {
        (str(ada), "id"),
        (str(mallory), "external_id"),
    }
    receipt = await service.erase(ctx, user(ada, by=NameField.EXTERNAL_ID))
    assert receipt.subject_id == mallory
    assert await naming(admin, own, ada) == mine
    assert await admin.fetch(trail, own, str(ada)) == about
    assert (await service.verify_audit(ctx)).valid
    assert (await service.erase(ctx, user(ada))).subject_id == ada


async def test_a_name_that_means_two_is_refused_with_both(ctx: Context, memory: AsyncMemory) -> None:
    for n in range(5):
        email = f"a{n}@example.org"
        pair = [
            await make_user(ctx, f"first-{n}", email=email, display_name="By mail"),
            await make_user(ctx, email, display_name="By name"),
        ]
        for verb in (service.erase, service.preview_erasure):
            with pytest.raises(Conflict) as caught:
                await verb(ctx, user(email))
            assert caught.value.code == "conflict.ambiguous"
            assert {c["id"]: (c["label"], c["matched"]) for c in caught.value.data["candidates"]} == {
                str(pair[0]): ("By mail", ["email"]),
                str(pair[1]): ("By name", ["external_id"]),
            }
        field = (NameField.EMAIL, NameField.EXTERNAL_ID)[n % 2]
        assert (await service.erase(ctx, user(email, by=field))).subject_id == pair[n % 2]
        # Of one that is left, the name is its own again; the softly deleted count as well.
        assert (await service.erase(ctx, user(email))).subject_id == pair[1 - n % 2]
    # One person by two fields is one person.
    both = await make_user(ctx, "both@example.org", email="both@example.org")
    assert (await service.erase(ctx, user("both@example.org"))).subject_id == both
    # A conversation that is called by another's id.
    inner = context_of(memory)
    await memory.remember("x", conversation="one", role="user", sender="ada")
    async with inner.database.transaction(inner.principal) as connection:
        one = await connection.fetchval("SELECT id FROM conversations WHERE external_id = 'one'")
    await memory.remember("y", conversation=str(one), role="user", sender="ada")
    with pytest.raises(Conflict):
        await memory.erase(conversation=str(one))
    assert (await memory.erase(conversation=one)).subject_id == one


async def test_references_are_cut_and_the_words_around_them_stay(
    ctx: Context, admin: Any, make_agent: Callable[..., Awaitable[UUID]]
) -> None:
    own, nobody = ctx.principal.organization_id, UUID(int=0)
    ada, ben = await make_user(ctx, "ada"), await make_user(ctx, "ben")
    agent = await make_agent(ctx)
    said = f'{{"title": "Rota", "people": ["{ada}", "{ben}"], "by": {{"{ada}": "on call {ada} often"}}}}'
    item = await admin.fetchval(_KNOW, own, said, agent)
    endpoint = await admin.fetchval(
        "INSERT INTO webhook_endpoints (organization_id, url, secret_encrypted, created_by) "
        "VALUES ($1, 'https://example.org', 'x', $2) RETURNING id",
        *(own, ada),
    )
    deliver = "INSERT INTO webhook_deliveries (organization_id, endpoint_id, event, payload) VALUES ($1, $2, 'x', $3)"
    for payload in ({"user_id": str(ada), "name": "Ada"}, {"users": [str(ada)]}, {"user_id": str(ben)}):
        await admin.execute(deliver, own, endpoint, json.dumps(payload))
    job = "INSERT INTO background_jobs (organization_id, user_id, kind, payload) VALUES ($1, $2, 'test.work', $3)"
    await admin.execute(job, own, ben, json.dumps({"user_id": str(ada), "note": "mine"}))
    for kind, of in (("user", ada), ("task", ada), ("user", ben)):
        await admin.execute(
            "INSERT INTO notifications (organization_id, user_id, type, title, body, resource_type, resource_id) "
            "VALUES ($1, $2, 'x', 'x', 'Words of Ben', $3, $4)",
            *(own, ben, kind, of),
        )
    receipt = await service.erase(ctx, user(ada, by=NameField.ID))
    assert (receipt.counts["webhook_deliveries"], receipt.counts["users"]) == (1, 1)
    assert "knowledge_items" not in receipt.counts
    assert receipt.detached == {
        "background_jobs": 1,
        "knowledge_items": 1,
        "notifications": 1,
        "webhook_deliveries": 1,
        "webhook_endpoints": 1,
    }
    left = json.loads(await admin.fetchval("SELECT content FROM knowledge_items WHERE id = $1", item))
    assert left == {
        "title": "Rota",
        "people": [str(nobody), str(ben)],
        "by": {str(nobody): f"on call {ada} often"},
    }
    jobs = await admin.fetch("SELECT payload FROM background_jobs WHERE organization_id = $1", own)
    assert [json.loads(row[0]) for row in jobs] == [{"user_id": str(nobody), "note": "mine"}]
    told = await admin.fetch(
        "SELECT resource_type, resource_id, body FROM notifications WHERE organization_id = $1 ORDER BY 1, 2", own
    )
    # What is of another kind only has the same number: no reference.
    assert {tuple(row) for row in told} == {
        ("task", ada, "Words of Ben"),
        ("user", ben, "Words of Ben"),
        ("user", None, "Words of Ben"),
    }


async def test_what_others_described_or_know_stays(memory: AsyncMemory, admin: Any) -> None:
    ctx = context_of(memory)
    own = ctx.principal.organization_id
    said = await memory.remember("I met Ben at Acme.", conversation="alone", role="user", sender="ada")
    ben = await make_user(ctx, "ben")
    kept = await memory.remember("Ben works at Acme.", user="ben")
    await admin.execute("UPDATE memories SET source_message_ids = ARRAY[$2::uuid] WHERE id = $1", kept.id, said.id)
    fact = await admin.fetchval(
        "INSERT INTO memory_facts (organization_id, subject, predicate, object, source_message_id, user_id) "
        "VALUES ($1, 'Ben', 'works at', 'Acme', $2, $3) RETURNING id",
        *(own, said.id, ben),
    )
    for name, description in (("Acme", "A customer"), ("Zzyzx", None)):
        await admin.execute(
            "WITH made AS (INSERT INTO entities (organization_id, entity_type, name, description) "
            "VALUES ($1, 'company', $2, $3) RETURNING id) "
            "INSERT INTO entity_mentions (organization_id, entity_id, source_type, source_id) "
            "SELECT $1, id, 'message', $4 FROM made",
            *(own, name, description, said.id),
        )
    receipt = await memory.erase(user="ada")
    assert receipt.counts["entities"] == 1
    assert [r[0] for r in await admin.fetch("SELECT name FROM entities WHERE organization_id = $1", own)] == ["Acme"]
    row = await admin.fetchrow("SELECT content, source_message_ids FROM memories WHERE id = $1", kept.id)
    assert tuple(row) == ("Ben works at Acme.", [])
    assert await admin.fetchval("SELECT source_message_id IS NULL FROM memory_facts WHERE id = $1", fact)


async def test_a_misdeed_in_the_same_transaction_is_not_blanked(ctx: Context, admin: Any) -> None:
    """Neither beside the erasure of a throw-away person, nor by naming them in it."""
    own = ctx.principal.organization_id
    ben, throwaway = await make_user(ctx, "ben"), await make_user(ctx, "throwaway")
    await service.record_event(
        ctx, AuditEvent(action="money:take", resource_type="safes", resource_id=str(throwaway), metadata={"n": 1})
    )
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute(
            "UPDATE users SET status = 'suspended', metadata = jsonb_build_object('x', $2::text) WHERE id = $1",
            *(ben, str(throwaway)),
        )
        assert await connection.fetchval("SELECT erase_subject('user', $1) IS NOT NULL", throwaway)
    rows = await admin.fetch(
        "SELECT action, new_value::jsonb ? 'status' AS told FROM audit_logs WHERE organization_id = $1 "
        "AND NOT metadata ? 'erased' AND action IN ('users:update', 'money:take')",
        own,
    )
    assert {tuple(row) for row in rows} == {("users:update", True), ("money:take", False)}


async def test_the_receipt_in_the_trail_lists_what_was_blanked(ctx: Context, admin: Any) -> None:
    own = ctx.principal.organization_id
    ada = await make_user(ctx, "ada")
    await service.seal_audit(ctx)
    await admin.execute(
        "INSERT INTO audit_logs (organization_id, action, user_id, metadata) "
        "SELECT $1, 'door:open', $2, '{\"n\": 1}' FROM generate_series(1, 1200)",
        *(own, ada),
    )
    digests = dict(await admin.fetch("SELECT id, audit_digest(a) FROM audit_logs a WHERE organization_id = $1", own))
    receipt = await service.erase(ctx, user("ada"))
    parts = await admin.fetch(
        "SELECT metadata, resource_type, resource_id FROM audit_logs "
        "WHERE organization_id = $1 AND action = 'erasure' AND metadata ? 'blanked' "
        "ORDER BY (metadata ->> 'part')::int",
        own,
    )
    said = [json.loads(row["metadata"]) for row in parts]
    assert [(len(one["blanked"]), one["part"], one["receipt"]) for one in said] == [
        (1000, 0, str(receipt.id)),
        (receipt.blanked - 1000, 1, str(receipt.id)),
    ]
    assert {(row["resource_type"], row["resource_id"]) for row in parts} == {("user", str(ada))}
    listed = {UUID(one["id"]): (one["hash"], one["left"]) for part in said for one in part["blanked"]}
    blanked = await admin.fetch(
        "SELECT id, metadata #>> '{erased,by}' AS by, metadata #>> '{erased,hash}' AS hash, "
        "encode(audit_digest(a), 'hex') AS left FROM audit_logs a WHERE organization_id = $1 AND metadata ? 'erased'",
        own,
    )
    assert {row["id"]: (row["hash"], row["left"]) for row in blanked} == listed
    assert {row["by"] for row in blanked} == {str(receipt.id)}
    assert all(digests[row["id"]].hex() == row["hash"] for row in blanked if row["id"] in digests)


async def test_who_may_erase_whom(ctx: Context, other: Context) -> None:
    first = await owner(ctx)
    admin_ = await owner(ctx, "admin")
    member = await owner(ctx, "member")
    third = await person(ctx)
    assert "users:erase" in first.principal.permissions
    assert "users:erase" not in admin_.principal.permissions
    refused: tuple[tuple[Context, UUID, str], ...] = (
        (admin_, who(first), "forbidden.permission"),
        (member, who(admin_), "forbidden.permission"),
        (first, who(first), "forbidden.erasure_self"),
        # Claims that the roles do not bear out: the database looks itself.
        (acting(ctx, third, "users:erase"), who(member), "forbidden.erasure_right"),
        (acting(ctx, third, "*"), who(member), "forbidden.erasure_right"),
        (ctx, who(first), "forbidden.erasure_last_owner"),
    )
    for actor, subject, code in refused:
        for verb in (service.erase, service.preview_erasure):
            with pytest.raises(Forbidden) as caught:
                await verb(actor, user(subject))
            assert caught.value.code == code, code
    # The right alone is no rank: a role of one's own with it is below an administrator.
    await identity.create_role(first, RoleCreate(name="eraser", permissions=("users:erase",)))
    eraser = await owner(ctx, "eraser", by=first)
    with pytest.raises(Forbidden) as caught:
        await service.erase(eraser, user(who(admin_)))
    assert caught.value.code == "forbidden.erasure_rank"
    assert (await service.erase(eraser, user(third.id))).counts["users"] == 1
    with pytest.raises(NotFound):
        await service.erase(other, user(who(member)))
    assert (await service.erase(first, user(who(admin_)))).counts["users"] == 1


async def test_a_right_from_oneself_or_from_the_one_concerned_is_none(ctx: Context, admin: Any) -> None:
    first, self_made = await owner(ctx), await owner(ctx)
    second = await owner(ctx, by=first)
    own = ctx.principal.organization_id
    await admin.execute("UPDATE user_roles SET granted_by = user_id WHERE user_id = $1", who(self_made))
    for actor, subject in ((second, who(first)), (self_made, who(first))):
        with pytest.raises(Forbidden) as caught:
            await service.erase(actor, user(subject))
        assert caught.value.code == "forbidden.erasure_right"
        # Nor by the function itself.
        async with ctx.database.transaction(actor.principal) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="refused: right"):
                await connection.fetchval("SELECT erase_subject('user', $1)", subject)
    await admin.execute("UPDATE user_roles SET expires_at = now() WHERE user_id = $1", who(second))
    with pytest.raises(Forbidden):
        await service.erase(second, user(who(self_made)))
    agent = ctx.as_principal(Principal(own, None, uuid4()))
    with pytest.raises(Forbidden) as caught:
        await service.erase(agent, user(who(second)))
    assert caught.value.code == "forbidden.erasure_agent"
    with pytest.raises(Forbidden):  # the whole of it, by who made themselves an owner
        await service.erase(self_made, Erase(kind=ErasureKind.ORGANIZATION, name=str(own)))
    assert (await service.erase(first, user(who(second)))).counts["users"] == 1


async def test_a_conversation_of_who_ranks_higher_is_theirs(memory: AsyncMemory, admin: Any) -> None:
    ctx = context_of(memory)
    own = ctx.principal.organization_id
    first = await owner(ctx)
    await identity.create_role(first, RoleCreate(name="eraser", permissions=("users:erase",)))
    eraser = await owner(ctx, "eraser", by=first)
    await memory.remember("Proof.", conversation="talk", role="user", sender="ada")
    await admin.execute("UPDATE messages SET sender_id = $2 WHERE organization_id = $1", own, who(first))
    request = Erase(kind=ErasureKind.CONVERSATION, name="talk")
    with pytest.raises(Forbidden) as caught:
        await service.erase(eraser, request)
    # Its right comes from the one who is concerned, which weighs first.
    assert caught.value.code == "forbidden.erasure_right"
    await admin.execute("UPDATE user_roles SET granted_by = NULL WHERE user_id = $1", who(eraser))
    with pytest.raises(Forbidden) as caught:
        await service.erase(eraser, request)
    assert caught.value.code == "forbidden.erasure_rank"
    assert (await service.erase(first, request)).counts["messages"] == 1


async def test_two_owners_do_not_erase_each_other(ctx: Context, admin: Any) -> None:
    for _ in range(4):
        pair = [await owner(ctx), await owner(ctx)]
        done = await asyncio.gather(
            service.erase(pair[0], user(who(pair[1]))),
            service.erase(pair[1], user(who(pair[0]))),
            return_exceptions=True,
        )
        assert sorted(isinstance(one, Forbidden) for one in done) == [False, True], done
        await admin.execute("DELETE FROM user_roles WHERE organization_id = $1", ctx.principal.organization_id)


async def test_a_preview_counts_and_changes_nothing(memory: AsyncMemory, admin: Any) -> None:
    ctx = context_of(memory)
    own = ctx.principal.organization_id
    for n in range(3):
        await memory.remember(f"Line {n}.", conversation="talk", role="user", sender=("ada", "ben")[n % 2])
    await memory.remember("Ada likes figs.", user="ada")
    before = await snapshot(admin, own)
    shown = await memory.preview_erasure(user="ada")
    assert await snapshot(admin, own) == before
    assert (shown.counts["messages"], shown.counts["memories"], shown.detached) == (
        2,
        1,
        {"conversation_sessions": 1, "conversations": 1},
    )
    talk = await memory.preview_erasure(conversation="talk")
    assert (talk.counts["messages"], talk.counts["conversations"]) == (3, 1)
    whole = await memory.preview_erasure(organization=True)
    assert (whole.counts["messages"], whole.counts["organizations"]) == (3, 1)
    assert await snapshot(admin, own) == before
    # Since it was shown: another row, which is said; another subject of the name, which is refused.
    await memory.remember("Ada likes tea.", user="ada")
    await admin.execute("UPDATE users SET external_id = 'eda' WHERE organization_id = $1 AND external_id = 'ada'", own)
    stranger = await make_user(ctx, "ada")
    with pytest.raises(Conflict) as caught:
        await memory.erase(user="ada", preview=shown)
    assert caught.value.code == "conflict.erasure_subject"
    await memory.erase(user=stranger)
    with pytest.raises(NotFound):
        await memory.erase(user="ada", preview=shown)
    receipt = await memory.erase(user="eda", preview=shown)
    assert receipt.grown == {"memories": 1, "memory_log": 1}
    assert receipt.detached == shown.detached
    limited = ctx.as_principal(replace(ctx.principal, permissions=frozenset({"users:delete"})))
    with pytest.raises(Forbidden):
        await service.preview_erasure(limited, user("ben"))


async def test_summaries_show_nothing_of_what_went(own: tuple[Any, Any], make_agent: Any) -> None:
    app, admin = own
    ctx = await app.organization("acme")
    organization = ctx.principal.organization_id
    secret = f"xq{uuid4().hex}"
    ada = await make_user(ctx, "ada")
    agent = await make_agent(ctx)
    await admin.execute("UPDATE agents SET user_id = $2 WHERE id = $1", agent, ada)
    await admin.execute(_KNOW, organization, json.dumps({"title": secret}), agent)
    titles = "SELECT count(*) FROM knowledge_usage_totals WHERE title = $1"
    assert await admin.fetchval("SELECT refresh_knowledge_summaries()")
    assert await admin.fetchval(titles, secret) == 1
    await service.preview_erasure(ctx, user("ada"))
    assert await admin.fetchval(titles, secret) == 1
    async with asyncio.timeout(PATIENCE):
        # A refresh that began before waits or gives way; it does not bring back what it saw.
        refreshing = asyncio.create_task(admin.fetchval("SELECT refresh_knowledge_summaries()"))
        receipt = await service.erase(ctx, user("ada"))
        await refreshing
    assert receipt.counts["knowledge_items"] == 1
    assert await admin.fetchval(titles, secret) == 0
    other = await app.organization("zeta")
    await admin.execute(_KNOW, other.principal.organization_id, json.dumps({"title": secret}), await make_agent(other))
    await admin.execute("SELECT refresh_knowledge_summaries()")
    assert await admin.fetchval(titles, secret) == 1
    await service.erase(other, Erase(kind=ErasureKind.ORGANIZATION, name=str(other.principal.organization_id)))
    assert await admin.fetchval(titles, secret) == 0


#: Where the planner's statistics have a word.
_SAMPLES = (
    "SELECT s.tablename || '.' || s.attname FROM pg_stats s "
    "WHERE s.most_common_vals::text ILIKE $1 OR s.histogram_bounds::text ILIKE $1 "
    "OR s.most_common_elems::text ILIKE $1"
)


async def test_statistics_keep_nothing_that_people_wrote(own: tuple[Any, Any]) -> None:
    app, admin = own
    ctx = await app.organization("acme")
    organization = ctx.principal.organization_id
    secret = f"xq{uuid4().hex}"
    ada = await make_user(ctx, secret, email=f"{secret}@example.org")
    await make_user(ctx, f"{secret}2", email=f"{secret}2@example.org")
    await admin.execute(
        "INSERT INTO memories (organization_id, user_id, content, title, tags, metadata) "
        "SELECT $1, $2, $3::text, $3::text, ARRAY[$3::text], jsonb_build_object('x', $3::text) "
        "FROM generate_series(1, 60)",
        *(organization, ada, secret),
    )
    await admin.execute(
        "INSERT INTO error_logs (organization_id, kind, code, message) "
        "SELECT $1, 'x', 'x.y', $2 FROM generate_series(1, 60)",
        *(organization, secret),
    )
    await admin.execute("SELECT maintain_partitions_at('error_logs', now() + interval '40 days')")
    await admin.execute("ANALYZE")
    assert await admin.fetch(_SAMPLES, f"%{secret}%") == []
    assert await admin.fetchval("SELECT count(*) FROM pg_stats WHERE tablename LIKE 'memories%'") > 0
    assert await admin.fetch("SELECT relation, column_name FROM sampled_texts()") == []
    # Who lets the planner sample again is told so by the next erasure, which changes nothing.
    await admin.execute("ALTER TABLE memories ALTER COLUMN title SET STATISTICS 100")
    with pytest.raises(Conflict) as caught:
        await service.erase(ctx, user(secret))
    assert caught.value.code == "conflict.erasure_incomplete"
    assert {one["table"] for one in caught.value.data["remnants"]} == {"pg_statistic"}
    await admin.execute("ALTER TABLE memories ALTER COLUMN title SET STATISTICS 0")
    assert (await service.erase(ctx, user(secret))).counts["memories"] == 60


@pytest.mark.parametrize("way", ["owner", "superuser"])
async def test_an_upgrade_clears_what_statistics_had_sampled(
    server: Server, make_database: Callable[..., Awaitable[str]], way: str
) -> None:
    name = await make_database()
    admin = await server.connect(database=name)
    secret = f"xq{uuid4().hex}"
    try:
        await admin.execute("ALTER TABLE organizations ALTER COLUMN name SET STATISTICS 100")
        await admin.execute("CREATE INDEX ix_users_lower ON users (lower(display_name))")
        await admin.execute("ALTER INDEX ix_users_lower ALTER COLUMN 1 SET STATISTICS 100")
        for n in range(3):
            await admin.execute(
                "WITH made AS (INSERT INTO organizations (name, slug) VALUES ($1, $2) RETURNING id) "
                "INSERT INTO users (organization_id, external_id, display_name) SELECT id, 'x', $3 FROM made",
                *(secret, f"acme-{n}", f"{secret}{n}@example.org"),
            )
        await admin.execute("ANALYZE organizations, users")
        found = {row[0] for row in await admin.fetch(_SAMPLES, f"%{secret}%")}
        assert found == {"organizations.name", "ix_users_lower.lower"}
        if way == "owner" and server.endpoint.version >= 18:
            await admin.execute("SET ROLE mnemon_owner; SELECT hide_from_statistics(); RESET ROLE")
        else:
            # What an owner cannot remove: there is a target of 0, and what was sampled before.
            await admin.execute("ALTER TABLE organizations ALTER COLUMN name SET STATISTICS 0")
            await admin.execute("ALTER INDEX ix_users_lower ALTER COLUMN 1 SET STATISTICS 0; ANALYZE")
            assert {row[0] for row in await admin.fetch(_SAMPLES, f"%{secret}%")} == found
            await upgrade(server.url(database=name))
        assert await admin.fetch(_SAMPLES, f"%{secret}%") == []
        assert await admin.fetch("SELECT relation FROM sampled_texts()") == []
        await admin.execute("ANALYZE organizations, users")
        assert await admin.fetch(_SAMPLES, f"%{secret}%") == []
        assert await admin.fetchval("SELECT count(*) FROM pg_stats WHERE tablename = 'organizations'") > 0
    finally:
        await admin.close()


async def test_an_upgrade_gives_the_right_to_owners_alone(
    server: Server, make_database: Callable[..., Awaitable[str]]
) -> None:
    name = await make_database()
    admin = await server.connect(database=name)
    try:
        await admin.execute("INSERT INTO organizations (name, slug) VALUES ('a', 'acme'), ('b', 'beta')")
        for row in await admin.fetch("SELECT id FROM organizations"):
            await admin.execute("SELECT make_system_roles($1)", row[0])
        holders = (
            "SELECT r.name FROM roles r JOIN role_permissions rp ON rp.role_id = r.id "
            "JOIN permissions p ON p.id = rp.permission_id WHERE p.name = 'users:erase'"
        )
        for _ in range(2):
            assert [row[0] for row in await admin.fetch(holders)] == ["owner", "owner"]
            await runner.downgrade(server.url(database=name), revision="0010")
            assert await admin.fetch(holders) == []
            await upgrade(server.url(database=name))
    finally:
        await admin.close()


async def test_who_writes_about_them_meanwhile_comes_before_or_is_refused(memory: AsyncMemory, admin: Any) -> None:
    ctx = context_of(memory)
    own = ctx.principal.organization_id
    ada = await make_user(ctx, "ada")
    add = "INSERT INTO memories (organization_id, user_id, content) VALUES ($1, $2, $3)"

    async def write(n: int) -> bool:
        try:
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.execute(add, own, ada, f"Line {n}.")
        except NotFound:
            return False
        return True

    for n in range(5):
        assert await write(n)
    receipt, written = await asyncio.gather(
        service.erase(ctx, user("ada")), asyncio.gather(*(write(n) for n in range(20)))
    )
    assert receipt.counts["memories"] == 5 + sum(written)
    assert await naming(admin, own, ada) == {}
