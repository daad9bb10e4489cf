"""The same code on a PostgreSQL of the user's own: passwords, roles, a server that goes away, one without pgvector."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import asyncpg
import pytest

from mnemon import AsyncMemory, Forbidden, Settings, Unavailable
from mnemon.memory.schemas import Item
from tests.db.own_server import PASSWORD, OwnServer
from tests.factories import upgrade


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    own = OwnServer()
    yield own
    own.close()


async def test_it_remembers_and_recalls_there(server: OwnServer) -> None:
    url = await server.prepared("theirs")
    async with AsyncMemory(Settings(database_url=url)) as memory:
        await memory.remember("I moved to Lisbon in May", user="ada")
        assert [hit.content for hit in await memory.recall("Where does Ada live?", user="ada")] == [
            "I moved to Lisbon in May"
        ]


async def test_a_wrong_password_is_named_and_never_printed(server: OwnServer) -> None:
    url = server.url(password="wrong-secret")
    with pytest.raises(Unavailable) as caught:
        await AsyncMemory(Settings(database_url=url)).open()
    assert caught.value.code == "unavailable.credentials"
    assert "wrong-secret" not in f"{caught.value} {caught.value!r} {caught.value.as_dict()} {caught.value.__cause__}"


async def test_a_database_that_does_not_exist(server: OwnServer) -> None:
    with pytest.raises(Unavailable) as caught:
        await AsyncMemory(Settings(database_url=server.url(database="nowhere"))).open()
    assert caught.value.code == "unavailable.no_database"


async def test_a_database_without_the_schema_says_what_to_run(server: OwnServer) -> None:
    with pytest.raises(Unavailable, match="mnemon db upgrade"):
        await AsyncMemory(Settings(database_url=server.url())).open()


async def test_it_refuses_to_serve_as_a_superuser(server: OwnServer) -> None:
    await server.prepared("unsafe")
    with pytest.raises(Forbidden) as caught:
        await AsyncMemory(Settings(database_url=server.url(database="unsafe"))).open()
    assert caught.value.code == "forbidden.unsafe_role"


async def test_a_login_without_the_application_role_is_told_so(server: OwnServer) -> None:
    await server.prepared("stranger")
    connection = await asyncpg.connect(server.url())
    await connection.execute(f"CREATE ROLE nobody_knows LOGIN PASSWORD '{PASSWORD}'")
    await connection.close()
    with pytest.raises(Unavailable, match="GRANT mnemon_app"):
        await AsyncMemory(Settings(database_url=server.url(role="nobody_knows", database="stranger"))).open()


async def test_killed_in_the_middle_nothing_acknowledged_is_lost() -> None:
    own = OwnServer()
    try:
        url = await own.prepared("fragile")
        async with AsyncMemory(Settings(database_url=url, auto_maintenance=False)) as memory:
            acknowledged = set((await memory.remember([f"kept {n}" for n in range(50)], user="ada")).ids)
            own.kill()
            with pytest.raises(Unavailable):
                await write_on(memory, acknowledged)
            own.start()
            found = await recovered(memory)
            assert acknowledged <= {item.id for item in found}
            await memory.remember("after", user="ada")
    finally:
        own.close()


async def write_on(memory: AsyncMemory, acknowledged: set[UUID]) -> None:
    """Write until the server is gone: its children may answer once more before they notice."""
    for batch in range(100):
        more = await memory.remember([f"late {batch} {n}" for n in range(50)], user="ada")
        acknowledged |= set(more.ids)


async def recovered(memory: AsyncMemory) -> list[Item]:
    """What is there once the server answers again; the pool may hold dead connections, one each try."""
    for _ in range(10):
        try:
            return list((await memory.list(limit=1000)).items)
        except Unavailable:
            continue
    raise AssertionError("the pool never recovered")


async def test_a_server_without_pgvector_says_what_to_install() -> None:
    own = OwnServer(with_vector=False)
    try:
        url = own.url().replace("postgresql://", "postgresql+asyncpg://")
        with pytest.raises(Unavailable) as caught:
            await upgrade(url)
        assert caught.value.code == "unavailable.pgvector"
        assert "Install pgvector" in str(caught.value.hint)
    finally:
        own.close()
