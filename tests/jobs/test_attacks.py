"""What an attacker gets who has the application's connection, or a worker's: of the others' jobs and upkeep, nothing.

The functions are read from the catalogue. One that acts as the owner and may be called by a login stands on a list
here with its reason, or the test fails: whoever makes one decides who is to have it, and says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.errors import Forbidden
from mnemon.core.principal import INSTALLATION, Principal
from mnemon.jobs import service
from mnemon.jobs.schemas import Enqueue, SetSchedule
from tests.conftest import APP, WORKER, Server
from tests.factories import installation_of
from tests.patience import PATIENCE

from .conftest import DATABASE

#: What the application may call that acts as the owner, and why nobody reaches another organisation by it.
APPLICATION = {
    "attempt_waits": "how long an address waits, by a keyed hash that only the process can make",
    "audit_retentions": "signed records of what retention took, of the transaction's trail or the installation's",
    "begin_attempt": "counts attempts to sign in, by keyed hashes that only the process can make",
    "ensure_organization": "the id of the organisation with a slug, to who proves the slug with the installation's key",
    "erase_subject": "erases in the organisation of the transaction",
    "erasure_refusal": "why an erasure is refused, in the organisation of the transaction",
    "erasure_remains": "counts what is left of an id, in the organisation of the transaction",
    "find_api_key_by_hash": "one key by its hash, which only its holder can know",
    "find_session_by_refresh_hash": "one session by a token's hash, which only its holder can know",
    "find_session_by_token_hash": "one session by a token's hash, which only its holder can know",
    "find_user_by_email": "a sign-in begins with an address, to who proves the question with the installation's key",
    "lock_tenant": "takes a lock of the transaction's organisation",
    "password_hash_of": "a hash in the transaction's organisation, to who proves the question with the key",
    "preview_erasure": "counts what an erasure would take, in the organisation of the transaction",
    "proven": "says whether a proof is one; without the installation's key nobody makes one",
    "record_audit": "writes to the trail of the transaction's organisation",
    "refresh_planner_statistics": "analyses where the transaction's organisation has its rows; tells nothing",
    "search_query": "puts the words of a question behind the salt of the transaction's organisation",
    "search_words": "puts words behind the salt of the transaction's organisation, and says nothing of another's",
    "seal_trail": "makes a block of the trail of the transaction's organisation",
    "settle_attempt": "ends an attempt that was right, by keyed hashes that only the process can make",
    "set_tenant": "says who the transaction is for, to who proves it with the installation's key",
    "sign_erasure": "signs a receipt of the transaction's organisation, with what only the process can make",
    "sign_retention": "signs a record, with what only the process can make",
    "sign_trails": "signs blocks, with what only the process can make",
    "note_embedding_space": "the model of the database's vectors, to who proves a model with the installation's key",
    "take_address": "lets the transaction take one e-mail address, by a proof of its organisation and that address",
    "top_knowledge": "reads a summary, of the transaction's organisation alone",
    "top_patterns": "reads a summary, of the transaction's organisation alone",
    "unsigned_trail": "blocks of the transaction's organisation that nobody signed",
}
#: What workers alone may call: each goes across organisations.
WORKERS = {
    "claim_jobs": "hands out everybody's jobs",
    "fire_schedules": "enqueues everybody's jobs",
    "maintain_partitions": "makes and drops partitions with everybody's rows",
    "organizations_after": "names every organisation",
    "prune_jobs": "removes everybody's jobs",
    "refresh_dashboard": "adds up everybody's measurements",
    "refresh_knowledge_summaries": "renews everybody's summaries",
    "release_expired_jobs": "takes everybody's jobs back",
    "renew_leases": "prolongs everybody's leases",
    "seal_every_trail": "seals everybody's trails",
    "audit_retention_due": "says whether entries of everybody's trails are due to go",
    "every_trail_head": "names every trail with its newest block",
    "every_unsigned_trail": "names every trail with blocks that nobody signed",
}

_DEFINERS = """
SELECT p.oid::regprocedure::text AS name, p.proname::text, has_function_privilege($1, p.oid, 'EXECUTE') AS app,
  has_function_privilege($2, p.oid, 'EXECUTE') AS worker, has_function_privilege('public', p.oid, 'EXECUTE') AS open,
  ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) t) AS arguments
FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype
"""


async def definers(owner: Any) -> list[Any]:
    """The functions that act as their owner."""
    return list(await owner.fetch(_DEFINERS, APP, WORKER))


@pytest_asyncio.fixture
async def intruder(server: Server, owner: Any) -> AsyncIterator[Any]:
    """The application's connection, in the hands of whoever took it over."""
    connection = await server.connect(APP, DATABASE)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def turncoat(server: Server, owner: Any) -> AsyncIterator[Any]:
    """A worker's connection, in the same hands."""
    connection = await server.connect(WORKER, DATABASE)
    yield connection
    await connection.close()


async def refused(connection: Any, statement: str, *args: Any) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch(statement, *args)


async def test_every_function_that_acts_as_the_owner_is_on_a_list_with_its_reason(owner: Any) -> None:
    found = await definers(owner)
    assert {row["proname"] for row in found if row["app"]} == set(APPLICATION)
    assert {row["proname"] for row in found if row["worker"] and not row["app"]} == set(WORKERS)
    assert not [row["name"] for row in found if row["open"]], "PUBLIC may call it"
    assert all([*APPLICATION.values(), *WORKERS.values()])


async def test_what_goes_across_organisations_is_refused_to_the_application(
    owner: Any, intruder: Any, ctx: Context
) -> None:
    calls = [
        f"SELECT {row['proname']}({', '.join(f'NULL::{one}' for one in row['arguments'])})"
        for row in await definers(owner)
        if row["proname"] in WORKERS
    ]
    assert len(calls) == len(WORKERS)
    for call in calls:
        await refused(intruder, call)  # in no organisation
        with pytest.raises(Forbidden) as caught:  # in its own
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.fetch(call)
        assert caught.value.code == "forbidden.database"
        assert "mnemon worker" in str(caught.value)
        with pytest.raises(Forbidden):  # and as the installation, which a process may say it is
            async with ctx.database.transaction(Principal(INSTALLATION)) as connection:
                await connection.fetch(call)


async def test_a_payload_of_another_organisation_is_not_claimed(ctx: Context, other: Context, intruder: Any) -> None:
    made = await service.enqueue(other, Enqueue(kind="mail.send", payload={"to": "their secret"}))
    attack = "SELECT * FROM claim_jobs('evil', ARRAY['mail.send'], NULL, NULL, 100, 86400)"
    await refused(intruder, attack)
    with pytest.raises(Forbidden):
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.fetch(attack)
    job = await service.get_job(other, made.id)
    assert (job.status, job.attempt) == ("queued", 0)


async def test_nobody_removes_the_others_dead_jobs(ctx: Context, other: Context, owner: Any, intruder: Any) -> None:
    made = await service.enqueue(other, Enqueue(kind="mail.send"))
    key = (other.principal.organization_id, made.id)
    for change in (
        "status = 'running', attempt = 1, lease_id = gen_random_uuid(), lease_expires_at = now()",
        "status = 'dead', lease_id = NULL, lease_expires_at = NULL, finished_at = now() - interval '30 days'",
    ):
        await owner.execute(f"UPDATE background_jobs SET {change} WHERE organization_id = $1 AND id = $2", *key)
    with pytest.raises(Forbidden) as caught:  # the owner of A, who may do everything there
        await service.prune_jobs(ctx, days=1, dead_days=1)
    assert caught.value.code == "forbidden.installation"
    with pytest.raises(Forbidden) as caught:  # a process that says it is the installation, with the application's login
        await service.prune_jobs(ctx.as_principal(Principal(INSTALLATION)), days=1, dead_days=1)
    assert caught.value.code == "forbidden.database"
    await refused(intruder, "SELECT prune_jobs(1, 1, 1000000)")
    await refused(intruder, "DELETE FROM background_jobs")
    assert (await service.get_job(other, made.id)).status == "dead"


async def test_nobody_makes_the_installations_jobs(ctx: Context, owner: Any) -> None:
    """A job of the installation does what goes across organisations: only its own tenant can hold one."""
    own = ctx.principal.organization_id
    for table, more in (("background_jobs", ""), ("job_schedules", ", name, every_seconds")):
        values = "'jobs.prune'" + (", 'n', 60" if more else "")
        with pytest.raises(Forbidden):
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.execute(
                    f"INSERT INTO {table} (organization_id, kind{more}) VALUES ($1, {values})", INSTALLATION
                )
    await service.enqueue(ctx, Enqueue(kind="jobs.prune"))
    await service.set_schedule(ctx, SetSchedule(name="n", kind="jobs.prune", every_seconds=60))
    with pytest.raises(Forbidden):
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute("UPDATE background_jobs SET organization_id = $1", INSTALLATION)
    assert await owner.fetchval("SELECT count(*) FROM background_jobs WHERE organization_id <> $1", own) == 0


async def test_a_workers_login_reads_no_table_without_an_organisation(
    turncoat: Any, owner: Any, ctx: Context, other: Context
) -> None:
    await service.enqueue(other, Enqueue(kind="mail.send"))
    tables = await owner.fetch(
        "SELECT c.relname::text AS name, c.relrowsecurity AS walled, has_table_privilege($1, c.oid, 'SELECT') AS may "
        "FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')",
        WORKER,
    )
    readable = {row["name"]: row["walled"] for row in tables if row["may"]}
    assert len(readable) > 50
    views = {"metric_dashboard", "pattern_effectiveness", "knowledge_usage", "memory_tags", "role_permission_names"}
    views |= {"knowledge_transfer_history", "workflow_execution_history"}
    everybodys = {name for name, walled in readable.items() if not walled} - views
    assert everybodys == {"alembic_version", "schema_objects", "permissions", "partition_policies", "embedding_space"}
    for name in readable.keys() - everybodys:
        assert await turncoat.fetchval(f"SELECT count(*) FROM {name}") == 0, name
    for row in tables:
        if not row["may"]:
            await refused(turncoat, f"SELECT * FROM {row['name']}")


async def test_a_workers_login_may_no_more_than_the_application_but_its_functions(owner: Any) -> None:
    rights = await owner.fetch(
        "SELECT c.relname, r.name FROM pg_class c, (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), "
        "('TRUNCATE'), ('REFERENCES'), ('TRIGGER')) AS r(name) WHERE c.relnamespace = 'public'::regnamespace "
        "AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege($1, c.oid, r.name) "
        "AND NOT has_table_privilege($2, c.oid, r.name)",
        WORKER,
        APP,
    )
    assert not rights
    assert not await owner.fetch(
        "SELECT FROM pg_auth_members WHERE roleid = 'mnemon_worker'::regrole AND admin_option "
        "AND member = 'mnemon_app'::regrole"
    )
    assert not await owner.fetchval("SELECT pg_has_role('mnemon_app', 'mnemon_worker', 'MEMBER')")
    row = await owner.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = $1",
        WORKER,
    )
    assert not any(row.values())


async def test_what_a_stolen_worker_can_hold_is_bounded(ctx: Context, owner: Any, turncoat: Any) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (organization_id, kind) SELECT $1, 'a' FROM generate_series(1, 1200)",
        ctx.principal.organization_id,
    )
    claimed = await turncoat.fetch("SELECT * FROM claim_jobs('evil', '{a}', NULL, NULL, 2000000000, 1e9)")
    assert len(claimed) == 1000
    await turncoat.fetch("SELECT * FROM renew_leases($1, 'NaN')", [row["lease_id"] for row in claimed])
    longest = await owner.fetchval("SELECT max(lease_expires_at) - now() FROM background_jobs")
    assert longest.total_seconds() <= 86_400 + 5
    # What it ends it ends inside an organisation, and there it is nobody.
    assert await turncoat.execute("UPDATE background_jobs SET status = 'queued'") == "UPDATE 0"
    assert not await turncoat.fetch("SELECT * FROM renew_leases($1, 60)", [uuid4() for _ in range(1000)])


async def test_no_lock_of_an_application_holds_the_upkeep_of_everybody(
    server: Server, ctx: Context, owner: Any, intruder: Any, worker_app: App
) -> None:
    """Where it cannot take a lock by its number, and where it could: only a superuser can take that away."""
    own = ctx.principal.organization_id
    keys = ["dashboard", "refresh_knowledge_summaries", "partitions:agent_metrics", f"audit:{own}"]
    holder = await server.connect(database=DATABASE)
    for key in keys:
        await refused(intruder, "SELECT pg_advisory_lock(hashtextextended($1, 0))", key)
        await holder.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", key)
    for lock in (
        "SELECT * FROM upkeep_locks FOR UPDATE",
        "SELECT * FROM partition_policies FOR UPDATE",
        "SELECT * FROM partition_policies FOR SHARE",
        "LOCK TABLE upkeep_locks IN ACCESS SHARE MODE",
        "LOCK TABLE partition_policies IN ROW SHARE MODE",
        "LOCK TABLE metric_summary",
        "UPDATE upkeep_locks SET name = 'x'",
    ):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.WrongObjectTypeError)):
            async with intruder.transaction():
                await intruder.execute(lock)
    from mnemon.knowledge import service as knowledge
    from mnemon.operations import service as operations
    from mnemon.operations.schemas import MaintainPartitions

    installation = installation_of(worker_app)
    async with asyncio.timeout(PATIENCE):
        await operations.refresh_dashboard(installation)
        assert await knowledge.refresh_knowledge_summaries(installation)
        report = await operations.maintain_partitions(installation, MaintainPartitions(tables=("agent_metrics",)))
        assert not report.tables[0].busy
        await operations.seal_audits(installation)
    waiting = "SELECT count(*) FROM audit_blocks WHERE organization_id = $1"
    assert await owner.fetchval(waiting, own) == 0, "a trail that somebody holds waits, and no other does"
    await holder.close()
    await operations.seal_audits(installation)
    assert await owner.fetchval(waiting, own) == 1


async def test_what_wakes_workers_tells_listeners_nothing(other: Context, owner: Any, intruder: Any) -> None:
    heard: list[str] = []
    await intruder.add_listener("mnemon_jobs", lambda *said: heard.append(said[-1]))
    made = await service.enqueue(other, Enqueue(kind="mail.send"))
    await owner.execute(
        "UPDATE background_jobs SET status = 'running', attempt = 1, lease_id = gen_random_uuid(), "
        "lease_expires_at = now() + interval '1 minute'"
    )
    await service.cancel_job(other, made.id)
    async with asyncio.timeout(PATIENCE):
        while "cancel" not in heard:
            await intruder.fetchval("SELECT 1")
            await asyncio.sleep(0.02)
    assert set(heard) == {"queued", "cancel"}


async def test_no_organisation_seals_the_trail_of_another(ctx: Context, other: Context, owner: Any) -> None:
    from mnemon.operations import service as operations

    with pytest.raises(Forbidden):
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.fetch("SELECT * FROM seal_trail($1, 1)", other.principal.organization_id)
    assert (await operations.seal_audit(ctx)).rows > 0
    with pytest.raises(Forbidden):
        async with ctx.database.untenanted() as nobody:
            await nobody.fetch("SELECT * FROM seal_trail($1, 1)", ctx.principal.organization_id)
    count = "SELECT count(*) FROM audit_blocks WHERE organization_id = $1"
    assert await owner.fetchval(count, other.principal.organization_id) == 0
    assert (await operations.verify_audit(ctx)).valid


async def test_the_number_of_sessions_is_pushed_to_no_end(
    ctx: Context, other: Context, server: Server, owner: Any
) -> None:
    for login in (APP, WORKER):
        connection = await server.connect(login, DATABASE)
        try:
            for attack in (
                "SELECT setval('session_numbers', 140737488355326)",
                "SELECT setval('session_numbers', 1, false)",
                "ALTER SEQUENCE session_numbers RESTART",
                "ALTER SEQUENCE session_numbers MAXVALUE 10",
                "SELECT last_value FROM session_numbers",
                "DROP SEQUENCE session_numbers",
            ):
                await refused(connection, attack)
        finally:
            await connection.close()
    sequences = await owner.fetch(
        "SELECT sequencename::text AS name, max_value, cycle, "
        "has_sequence_privilege($1, format('public.%I', sequencename), 'USAGE, SELECT, UPDATE') AS open "
        "FROM pg_sequences WHERE schemaname = 'public'",
        WORKER,
    )
    found = {row["name"]: (row["max_value"], row["cycle"], row["open"]) for row in sequences}
    # A number of a waiting sum: given by the server to each row that is written, and to nobody who asks.
    assert found.pop("metric_partials_number_seq") == (2**63 - 1, False, False)
    assert found == {"session_numbers": (2**47 - 1, True, True)}
    await owner.execute("SELECT setval('session_numbers', 140737488355326)")
    from mnemon.memory import service as memory
    from mnemon.memory.schemas import NewMemory, Remember

    for one in (ctx, other):  # the last number, and those after it
        for text in ("the harbour is open", "the market is closed"):
            await memory.remember(one, Remember(items=(NewMemory(content=text),)))
    ordinals = await owner.fetch(
        "SELECT ordinal >> 16 AS number FROM memories WHERE organization_id = ANY ($1)",
        [ctx.principal.organization_id, other.principal.organization_id],
    )
    assert sorted(row["number"] for row in ordinals) == [1, 2, 3, 140737488355327]
