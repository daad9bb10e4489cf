"""Reads at three real replicas: what a reader sees there, and what becomes of it when one lags, hangs or dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text

from mnemon import AsyncMemory, Invalid, MnemonError, Settings, Unavailable
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import ConversationList, ConversationRef, SearchMessages
from mnemon.core.principal import Principal
from mnemon.db import embedded
from mnemon.db.session import Database
from mnemon.db.tenant import SET_TENANT
from mnemon.doors.cli.main import main
from mnemon.installation import replicas
from mnemon.installation.doctor.replication import check
from mnemon.installation.replicas import registry
from tests.conftest import Server
from tests.factories import context_of, new_slug
from tests.installation.replica_cluster import Cluster, add, app_of, caught_up, serving, states, told, until
from tests.patience import PATIENCE

NAMES = ("a", "b", "c")
#: In transactions of the application, who answers: the beginning of a server tells it from the others.
WHO = "SELECT pg_is_in_recovery() AS standby, pg_postmaster_start_time() AS began"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    """A primary with three replicas, two of them synchronous."""
    made = Cluster()
    try:
        async with made.memory():
            await add(made, "a", "b", synchronous=True)
            await add(made, "c")
        yield made
    finally:
        await asyncio.to_thread(made.close)


@pytest_asyncio.fixture
async def memory(cluster: Cluster) -> AsyncIterator[AsyncMemory]:
    """An organisation of its own, in a process whose reads go to the replicas."""
    async with cluster.memory(organization=new_slug(), database_replica_max_lag=0.5) as opened:
        await serving(opened, *NAMES)
        yield opened


def reads(memory: AsyncMemory) -> int:
    return sum(one.reads for one in states(memory).values())


async def read_until(memory: AsyncMemory, ended: asyncio.Event, word: str) -> int:
    """Search and list again and again; how often. Whatever happens to a replica, none of it fails or misses."""
    count = 0
    while not ended.is_set():
        found = await memory.search(word, k=1)
        assert word in found.hits[0].item.content
        assert (await conversations.list_conversations(context_of(memory), ConversationList())).items
        count += 1
        await asyncio.sleep(0)
    return count


# -- routing ----------------------------------------------------------------------------------------------------------


async def test_reads_are_spread_over_the_replicas_and_writes_are_not(cluster: Cluster, memory: AsyncMemory) -> None:
    database, principal = app_of(memory).database, context_of(memory).principal
    answered = set()
    for _ in range(12):
        async with database.read_transaction(principal) as connection:
            row = await connection.fetchrow(WHO)
            assert row["standby"]
            answered.add(row["began"])
            # What every connection has set holds here too.
            assert await connection.fetchval("SHOW plan_cache_mode") == "force_custom_plan"
            assert await connection.fetchval("SHOW hnsw.iterative_scan") == "relaxed_order"
    assert answered == {await cluster.ask(name, "SELECT pg_postmaster_start_time()") for name in NAMES}
    async with database.transaction(principal, readonly=True) as connection:
        assert not await connection.fetchval("SELECT pg_is_in_recovery()")
    before = reads(memory)
    kept = await memory.remember("The heron fishes at dawn", user="ada")
    await caught_up(cluster, *NAMES)
    assert (await memory.get(kept.ids[0])).content == "The heron fishes at dawn"
    assert (await memory.recall("heron", user="ada")).hits
    assert (await memory.list()).items
    assert (await memory.history(kept.ids[0])).versions
    assert reads(memory) == before + 4
    await memory.remember("Hello there", conversation="pond", user="ada")
    await caught_up(cluster, *NAMES)
    before, ctx = reads(memory), context_of(memory)
    (one,) = (await conversations.list_conversations(ctx, ConversationList())).items
    reference = ConversationRef(conversation_id=one.id)
    assert (await conversations.get_conversation(ctx, reference)).id == one.id
    assert (await conversations.conversation_statistics(ctx, reference)).messages == 1
    assert await conversations.search_messages(ctx, SearchMessages(query="hello"))
    assert reads(memory) == before + 4
    with pytest.raises(Unavailable) as caught:  # what is called a read cannot write
        await database.read_session(principal, lambda session: session.execute(text("DELETE FROM memories")))
    assert caught.value.code == "unavailable.read_only"


async def test_a_writer_never_reads_less_than_it_wrote(memory: AsyncMemory) -> None:
    ended = asyncio.Event()

    async def load() -> None:
        """Keeps the primary ahead of its replicas."""
        other = await memory.organization(new_slug())
        while not ended.is_set():
            await other.remember([f"line {number} of a long import" for number in range(200)])

    async def writer(number: int) -> int:
        mine = await memory.organization(new_slug())
        missed = 0
        for turn in range(20):
            word = f"otter{number}x{turn}"
            kept = await mine.remember(f"The {word} sleeps")
            if turn % 2:
                found = await mine.search(word, k=1)
                missed += not (found.hits and word in found.hits[0].item.content)
            else:
                missed += (await mine.get(kept.ids[0])).content != f"The {word} sleeps"
            changed = await mine.update(kept.ids[0], content=f"The {word} wakes")
            missed += (await mine.get(changed.id)).content != f"The {word} wakes"
        return missed

    before = reads(memory)
    loading = asyncio.create_task(load())
    missed = await asyncio.gather(*(writer(number) for number in range(6)))
    ended.set()
    await loading
    assert missed == [0] * 6
    assert reads(memory) > before  # or nothing has been tried


async def test_what_another_process_wrote_is_seen_by_its_position(cluster: Cluster, memory: AsyncMemory) -> None:
    slug = memory.settings.organization
    async with cluster.memory(organization=slug) as reader:
        await serving(reader, *NAMES)
        try:
            for name in NAMES:
                await cluster.ask(name, "SELECT pg_wal_replay_pause()")
            await asyncio.gather(*(paused(cluster, name) for name in NAMES))
            await memory.remember("The lighthouse was painted green")
            assert not (await reader.search("lighthouse")).hits  # from a replica, where it is not yet
            position = await memory.position()
            await reader.after(position)
            assert (await reader.search("lighthouse")).hits
            async with cluster.memory(organization=slug) as late:  # opened after it was written
                assert (await late.search("lighthouse")).hits
        finally:
            for name in NAMES:
                await cluster.ask(name, "SELECT pg_wal_replay_resume()")
        with pytest.raises(Invalid, match="not a position"):
            await reader.after("0/zz")


async def paused(cluster: Cluster, name: str) -> None:
    await told(cluster, name, "SELECT pg_get_wal_replay_pause_state() = 'paused'")


async def test_another_organisation_sees_nothing_at_a_replica(cluster: Cluster, memory: AsyncMemory) -> None:
    kept = await memory.remember("The safe's number is 4711")
    other = await memory.organization(new_slug())
    await caught_up(cluster, *NAMES)
    database, theirs = app_of(memory).database, context_of(other).principal
    for _ in NAMES:
        async with database.read_transaction(theirs) as connection:
            assert await connection.fetchval("SELECT pg_is_in_recovery()")
            # Asked outright for a row of somebody else's: the wall is the policy's, here as on the primary.
            assert await connection.fetchval("SELECT count(*) FROM memories WHERE id = $1", kept.ids[0]) == 0
    async with database.read_transaction(Principal(context_of(memory).principal.organization_id)) as connection:
        assert await connection.fetchval("SELECT count(*) FROM memories WHERE id = $1", kept.ids[0]) == 1
    assert not (await other.search("safe number")).hits


async def test_a_read_at_a_replica_cannot_write(memory: AsyncMemory) -> None:
    with pytest.raises(Unavailable) as caught:
        async with app_of(memory).database.read_transaction(context_of(memory).principal) as connection:
            await connection.execute("DELETE FROM memories")
    assert caught.value.code == "unavailable.read_only"


async def test_without_replicas_nothing_is_asked_that_was_not_asked_before(cluster: Cluster) -> None:
    async with cluster.memory(database_replica_reads=False, database_pool_size=1) as plain:
        database, principal = app_of(plain).database, context_of(plain).principal
        assert database.replicas == ()
        said: list[str] = []
        async with database.untenanted() as connection:
            connection.add_query_logger(lambda record: said.append(record.query))  # type: ignore[attr-defined]
        async with database.transaction(principal) as connection:
            await connection.fetchval("SELECT 1")
        async with database.read_transaction(principal) as connection:
            await connection.fetchval("SELECT 2")
            assert not await connection.fetchval("SELECT pg_is_in_recovery()")
    enter = SET_TENANT
    plain_ones = [one for one in said if not one.startswith(("BEGIN", "COMMIT"))]
    assert plain_ones == [enter, "SELECT 1", enter, "SELECT 2", "SELECT pg_is_in_recovery()"]


async def test_what_is_no_replica_of_this_database_as_this_role_gets_no_reads(
    cluster: Cluster, server: Server, template: str, memory: AsyncMemory
) -> None:
    where, principal = cluster.replica("a"), context_of(memory).principal
    odd = {
        # Whom no policy holds back: it would see every organisation's rows.
        "superuser": (where.url(embedded.ADMIN_ROLE), "its role is mnemon_admin"),
        "elsewhere": (where.url("mnemon_app", "postgres"), "another database"),
        "stranger": (server.url("mnemon_app"), "no replica"),
    }
    primary = embedded.status(cluster.data).endpoint
    assert primary is not None
    database = Database(primary.url("mnemon_app"), cluster.settings())
    try:
        await database.use_replicas([(name, url) for name, (url, _) in odd.items()])
        await until(lambda: not any("not looked" in (one.reason or "") for one in database.replicas))
        for one in database.replicas:
            assert not one.serving
            assert odd[one.name][1] in (one.reason or "")
        async with database.read_transaction(principal) as connection:
            assert not await connection.fetchval("SELECT pg_is_in_recovery()")
    finally:
        await database.close()


# -- replicas that are unwell -----------------------------------------------------------------------------------------


async def test_a_replica_that_lags_is_left_out_and_taken_back(cluster: Cluster, memory: AsyncMemory) -> None:
    await cluster.ask("a", "SELECT pg_wal_replay_pause()")
    try:
        await memory.remember("The clock stands still")
        await until(lambda: not states(memory)["a"].serving)
        assert "lags" in (states(memory)["a"].reason or "")
        assert (states(memory)["a"].lag or 0) > 0.5
        before = states(memory)["a"].reads
        for _ in range(9):
            assert (await memory.search("clock")).hits
        assert states(memory)["a"].reads == before
        assert states(memory)["b"].serving
        assert states(memory)["c"].serving
    finally:
        await cluster.ask("a", "SELECT pg_wal_replay_resume()")
    await serving(memory, "a")


async def test_a_killed_replica_gives_no_reader_an_error_and_comes_back(cluster: Cluster, memory: AsyncMemory) -> None:
    await memory.remember("The kingfisher is blue", conversation="pond", user="ada")
    await caught_up(cluster, *NAMES)
    ended = asyncio.Event()
    readers = [asyncio.create_task(read_until(memory, ended, "kingfisher")) for _ in range(4)]
    await asyncio.sleep(0.2)
    pid = embedded.status(cluster.replica("b").data_dir).postmaster_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: states(memory)["b"].moved > 0 or not states(memory)["b"].serving)
    # Its supervisor starts it again.
    await serving(memory, *NAMES)
    before = states(memory)["b"].reads
    await until(lambda: states(memory)["b"].reads > before)
    ended.set()
    assert min(await asyncio.gather(*readers)) > 0
    assert embedded.status(cluster.replica("b").data_dir).postmaster_pid != pid


async def test_reads_that_hang_at_a_replica_go_on_at_the_primary(cluster: Cluster, memory: AsyncMemory) -> None:
    await memory.remember("The snail is slow", conversation="pond", user="ada")
    await caught_up(cluster, *NAMES)
    ended = asyncio.Event()
    readers = [asyncio.create_task(read_until(memory, ended, "snail")) for _ in range(4)]
    await asyncio.sleep(0.2)
    try:
        cluster.tell("c", signal.SIGSTOP)
        await until(lambda: not states(memory)["c"].serving and states(memory)["c"].moved > 0)
        ended.set()
        async with asyncio.timeout(PATIENCE):
            assert min(await asyncio.gather(*readers)) > 0
    finally:
        cluster.tell("c", signal.SIGCONT)
    await serving(memory, "c")


async def test_a_read_that_is_in_the_way_of_replaying_goes_on_at_the_primary(
    cluster: Cluster, memory: AsyncMemory
) -> None:
    kept = await memory.remember("The toad sits in the way")
    for name in NAMES:
        await cluster.ask(name, "ALTER SYSTEM SET max_standby_streaming_delay = '200ms'")
        await cluster.ask(name, "SELECT pg_reload_conf()")
    await caught_up(cluster, *NAMES)
    database, principal = app_of(memory).database, context_of(memory).principal
    async with database.read_transaction(principal) as connection:
        await connection.execute("SET LOCAL hnsw.ef_search = 77")
        assert await connection.fetchval("SELECT count(*) FROM memories") == 1  # and holds the table's lock
        assert await connection.fetchval("SELECT pg_is_in_recovery()")
        # What the primary locks alone is locked by whoever replays it: the read is waited for, and then ended.
        locking = asyncio.create_task(
            cluster.ask(None, "DO $$ BEGIN LOCK TABLE memories IN ACCESS EXCLUSIVE MODE; END $$")
        )
        said = await connection.fetchrow(
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_sleep(30) END, pg_is_in_recovery() AS standby"
        )
        await locking
        assert not said["standby"]
        assert await connection.fetchval("SELECT id FROM memories") == kept.ids[0]  # the same organisation
        assert await connection.fetchval("SHOW hnsw.ef_search") == "77"  # and the same settings
    assert sum(one.moved for one in states(memory).values()) == 1
    await serving(memory, *NAMES)  # all the while it was waited for, it lagged


# -- the commands -----------------------------------------------------------------------------------------------------


async def test_the_list_tells_state_lag_and_what_is_kept(cluster: Cluster) -> None:
    found = await replicas.list_replicas(cluster.settings(), cluster.data)
    assert [one.name for one in found] == list(NAMES)
    for one in found:
        assert one.state == "streaming"
        assert one.serving
        assert one.lag is not None
        assert one.lag < 5.0  # REQ-T102
    # What is kept on the primary for a replica that does not come back is bounded.
    assert await cluster.ask(None, "SHOW max_slot_wal_keep_size") == "1GB"


def test_the_command_shows_them(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(cluster.data), "ops", "replica", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [[name, "streaming", "reads"] for name in NAMES]
    assert main(["--data-dir", str(cluster.data), "--json", "ops", "replica", "promote"]) != 0
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "conflict.primary_runs"


async def test_the_doctor_looks_at_replication(cluster: Cluster) -> None:
    where = embedded.status(cluster.data).endpoint
    assert where is not None
    for role, seen in ((embedded.ADMIN_ROLE, "standby a"), ("mnemon_app", "replication")):
        connection = await asyncpg.connect(where.url(role, driver="postgresql"))
        findings = await check(connection, cluster.settings())
        await connection.close()
        assert seen in [one.what for one in findings]
        assert not [one for one in findings if one.level == "wrong"]
    replica = await asyncpg.connect(cluster.replica("a").url(embedded.ADMIN_ROLE, driver="postgresql"))
    assert [one.level for one in await check(replica, cluster.settings())] == ["wrong"]
    await replica.close()


async def test_what_cannot_be_a_replica_is_refused(cluster: Cluster) -> None:
    full = cluster.home / "full" / "d"
    full.mkdir(parents=True)
    (full / "letter").write_text("mine")
    wanted, data = cluster.settings(), cluster.data
    for code, call in {
        "conflict.replica_exists": replicas.add(wanted, data, ["a"]),
        "invalid.replica_name": replicas.add(wanted, data, ["No-Name"]),
        "conflict.replica_directory": replicas.add(wanted, data, ["d"], place=full.parent),
        "not_found.replica": replicas.start(wanted, data, "nobody"),
        "not_found.server": replicas.promote(wanted, cluster.home / "nothing"),
    }.items():
        with pytest.raises(MnemonError) as caught:
            await call
        assert caught.value.code == code
        assert caught.value.hint
    with pytest.raises(MnemonError) as caught:
        await replicas.remove(wanted, data, "nobody")
    assert caught.value.code == "not_found.replica"
    assert [path.name for path in full.iterdir()] == ["letter"]
    assert [one.name for one in await replicas.list_replicas(wanted, data)] == list(NAMES)


async def test_two_at_once_and_one_killed_in_the_middle(cluster: Cluster) -> None:
    wanted, data = cluster.settings(), cluster.data
    one, two = (cluster.cli("ops", "replica", "add", "twin") for _ in range(2))
    ended = [await asyncio.to_thread(process.communicate) for process in (one, two)]
    assert sorted(bool(process.returncode) for process in (one, two)) == [False, True], ended
    assert any("conflict.replica_exists" in said for _, said in ended)
    await replicas.remove(wanted, data, "twin")

    slot = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'mnemon_twin'"
    killed = cluster.cli("ops", "replica", "add", "twin")
    await told(cluster, None, slot)
    killed.kill()
    killed.communicate()
    assert (await replicas.list_replicas(wanted, data))[-1].state == "incomplete"
    with pytest.raises(MnemonError) as caught:
        await replicas.start(wanted, data, "twin")
    assert caught.value.code == "conflict.replica_incomplete"
    await replicas.add(wanted, data, ["twin"])
    assert await replicas.stop(wanted, data, "twin")
    assert (await replicas.list_replicas(wanted, data))[-1].state == "stopped"
    await replicas.start(wanted, data, "twin")
    await caught_up(cluster, "twin")
    directory = cluster.replica("twin").data_dir
    await replicas.remove(wanted, data, "twin")
    assert not directory.exists()
    assert await cluster.ask(None, slot) == 0


async def test_they_come_and_go_with_their_primary(cluster: Cluster) -> None:
    servers = [cluster.data, *(cluster.replica(name).data_dir for name in NAMES)]

    def running() -> list[bool]:
        return [embedded.status(path).running for path in servers]

    assert await asyncio.to_thread(main, ["--data-dir", str(cluster.data), "--quiet", "down"]) == 0
    assert running() == [False] * 4
    async with cluster.memory() as memory:  # beside a server for one client alone, those that its commits wait for
        await memory.remember("Somebody is there to keep this")
        await until(lambda: running() == [True, True, True, False])
    assert await asyncio.to_thread(main, ["--data-dir", str(cluster.data), "--quiet", "up"]) == 0
    assert running() == [True] * 4
    for path in servers:  # a machine that goes off
        await asyncio.to_thread(cluster.kill, path)
    assert running() == [False] * 4
    async with cluster.memory() as memory:  # and the first that opens the database when it is on again
        await serving(memory, *NAMES)
    assert running() == [True] * 4


# -- the primary's death ----------------------------------------------------------------------------------------------


async def test_after_a_promotion_nothing_that_was_acknowledged_is_missing(cluster: Cluster) -> None:
    """Rehearsed with kill -9 under load, twice; the last test of this cluster, whose primary is gone then."""
    old = cluster.data
    acknowledged = await written_until_killed(cluster)
    assert len(acknowledged) > 20
    done = await replicas.promote(cluster.settings(), cluster.data)
    assert len(done.following) == 2
    assert not done.left
    with pytest.raises(MnemonError, match="was handed over") as caught:
        await cluster.memory().open()
    assert caught.value.code == "conflict.promoted"
    cluster.data = done.directory
    assert set(acknowledged) <= set(await contents(cluster))

    # The new primary takes writes, and its followers serve reads. Asynchronous now: what is lost is an end of what was
    # written, never something in between.
    await cluster.ask(None, "ALTER SYSTEM RESET synchronous_standby_names")
    await cluster.ask(None, "SELECT pg_reload_conf()")
    sequence = await written_until_killed(cluster, writers=1)
    last = await replicas.promote(cluster.settings(), cluster.data)
    assert last.name in done.following
    cluster.data = last.directory
    kept = set(await contents(cluster))
    assert set(acknowledged) <= kept
    there = [line in kept for line in sequence]
    assert there == sorted(there, reverse=True)
    assert registry.load(old).promoted_to == done.directory


async def written_until_killed(cluster: Cluster, *, writers: int = 4) -> list[str]:
    """What was acknowledged before the primary was killed with everything that would start it again."""
    acknowledged: list[str] = []
    began = str(time.monotonic_ns())

    async def write(memory: AsyncMemory, number: int) -> None:
        for turn in range(100_000):
            line = f"line {began} {number} {turn}"
            try:
                await memory.remember(line)
            except Unavailable:
                return
            acknowledged.append(line)

    async with cluster.memory(organization="house", database_replica_max_lag=0.5) as memory:
        names = list(states(memory))
        await serving(memory, *names)
        tasks = [asyncio.create_task(write(memory, number)) for number in range(writers)]
        await until(lambda: len(acknowledged) > 30)
        await asyncio.to_thread(cluster.kill, cluster.data)
        await asyncio.gather(*tasks)
        # The replicas go on serving what they have, for longer than they might lag behind a primary that lives.
        await asyncio.sleep(1.0)
        reader = app_of(memory).database
        async with reader.read_transaction(Principal(uuid4())) as connection:
            assert await connection.fetchval("SELECT pg_is_in_recovery()")
    return acknowledged


async def contents(cluster: Cluster) -> list[str]:
    settings: Settings = cluster.settings(organization="house", database_replica_reads=False)
    async with (
        AsyncMemory(settings) as memory,
        app_of(memory).database.read_transaction(context_of(memory).principal) as reading,
    ):
        return [row["content"] for row in await reading.fetch("SELECT content FROM memories")]
