"""The library as its users have it: two lines, threads, processes, closing and opening again."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import mnemon
from mnemon import AsyncMemory, Invalid, Memory, NotFound, Settings
from mnemon.db import embedded
from tests.conftest import APP, Server, place
from tests.factories import context_of, new_slug, settings_of
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data directory of the library's own server."""
    path = place()
    yield path / "data"
    embedded.stop(path / "data")
    shutil.rmtree(path)


@pytest.fixture
def url(server: Server, template: str) -> str:
    return server.url(APP)


CHILD = """
import sys
from mnemon import Memory
with Memory(data_dir=sys.argv[1], organization="shared") as memory:
    for n in range(10):
        memory.remember(f"{sys.argv[2]} {n}", user="ada", conversation="plans")
    print(len(memory.list(limit=1000).items))
"""


def test_processes_share_one_data_directory(data_dir: Path) -> None:
    """From the first moment on: one of them makes the cluster and the database, the other waits."""
    command = [sys.executable, "-c", CHILD, str(data_dir)]
    children = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in ("one", "two")]
    counts = [child.communicate(timeout=PATIENCE)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert max(int(count) for count in counts) <= 20
    with Memory(data_dir=data_dir, organization="shared") as memory:
        items = memory.list(limit=1000).items
        assert len(items) == 20
        assert {item.conversation for item in items} == {"plans"}


def test_two_lines(data_dir: Path) -> None:
    with Memory(data_dir=data_dir) as memory:
        memory.remember("I moved to Lisbon in May", user="ada")
        found = memory.recall("Where does Ada live?", user="ada")
        assert found[0].content == "I moved to Lisbon in May"
        assert "Lisbon" in str(found)


def test_what_was_remembered_is_there_after_closing(data_dir: Path) -> None:
    memory = Memory(data_dir=data_dir, organization="again")
    done = memory.remember("still here")
    memory.close()
    memory.close()
    assert memory.get(done.id).content == "still here", "using it again opens it again"
    memory.close()
    with Memory(data_dir=data_dir, organization="again") as other:
        assert other.get(done.id).content == "still here"


def test_threads_share_one_memory(url: str) -> None:
    with Memory(settings_of(url, organization=new_slug())) as memory:

        def work(number: int) -> int:
            memory.remember(f"thought {number}", user=f"person {number % 3}", conversation="plans")
            return len(memory.recall("thought", k=100, user=f"person {number % 3}"))

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(work, range(40)))
        assert all(found)
        assert len(memory.list(limit=100).items) == 40


def test_memory_opens_once_however_many_threads_begin(url: str) -> None:
    memory = Memory(settings_of(url, organization=new_slug()))
    barrier = threading.Barrier(6)
    apps = []

    def begin() -> None:
        barrier.wait()
        memory.search("anything")
        apps.append(memory._memory._app)

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(app) for app in apps}) == 1
    assert len(apps) == 6
    memory.close()


def test_every_verb_without_await(url: str, tmp_path: Path) -> None:
    with Memory(settings_of(url, organization=new_slug())) as memory:
        done = memory.remember("the harbour is open", user="ada")
        assert memory.search("harbour", user="ada")[0].id == done.id
        new = memory.update(done.id, "the harbour is closed", reason="seen")
        assert len(memory.history(new.id).versions) == 2
        assert [item.id for item in memory.list().items] == [new.id]
        assert memory.maintain().indexed == 0
        file = tmp_path / "log.jsonl"
        file.write_text('{"text": "hello"}\n')
        assert memory.import_file(file).imported == 1
        assert memory.forget(new.id).count == 1
        with pytest.raises(NotFound):
            memory.get(new.id)
        with pytest.raises(Invalid):
            memory.recall("harbour", k=0)


def test_another_organisation_over_the_same_connections(url: str) -> None:
    with Memory(settings_of(url, organization=new_slug())) as memory:
        memory.remember("mine")
        slug = new_slug()
        other = memory.organization(slug)
        assert other.settings.organization == slug
        assert not len(other.recall("mine"))
        other.remember("theirs")
        third = other.organization(new_slug())
        assert not len(third.recall("theirs"))
        for bad in ("Upper", "a", "", "-x", "with space", "x" * 101):
            with pytest.raises(Invalid) as caught:
                memory.organization(bad)
            assert caught.value.code == "invalid.slug"


async def test_an_organisation_stays_the_same_after_closing(url: str) -> None:
    """What was closed and is used again must not become another organisation."""
    async with AsyncMemory(settings_of(url, organization=new_slug())) as root:
        child = await root.organization(new_slug())
        mine = context_of(child).principal.organization_id
        await child.remember("theirs")
        await child.close()
        await child.remember("theirs again")
        assert context_of(child).principal.organization_id == mine
        assert len((await child.list()).items) == 2
        assert not (await root.list()).items
        await root.close()
        # The child opens its parent again, and goes on in its own organisation.
        assert len((await child.list()).items) == 2
        assert context_of(child).principal.organization_id == mine
        assert context_of(child).database is context_of(root).database


async def test_a_deleted_organisation_is_not_made_anew(url: str, admin: Any) -> None:
    slug = new_slug()
    async with AsyncMemory(settings_of(url, organization=slug)) as memory:
        await memory.remember("before")
    await admin.execute("UPDATE organizations SET deleted_at = now() WHERE slug = $1", slug)
    with pytest.raises(NotFound) as caught:
        await AsyncMemory(settings_of(url, organization=slug)).remember("after")
    assert caught.value.code == "not_found.organization"
    assert slug in caught.value.message


async def test_a_wrong_start_holds_nothing(server: Server, template: str, admin: Any) -> None:
    """A start that is refused gives its connections back, and can be tried again."""
    memory = AsyncMemory(settings_of(server.url("mnemon_admin"), organization=new_slug()))
    for _ in range(2):
        with pytest.raises(mnemon.Forbidden):
            await memory.open()
    await asyncio.sleep(0.05)
    left = await admin.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mnemon_admin' AND application_name = 'mnemon'"
    )
    assert left == 0


async def test_settings_or_overrides(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid):
        AsyncMemory(Settings(), organization="x")
    for name, value in (
        ("organisation", "x"),
        ("data_dirr", "/x"),
        ("exact_search_limit", 5),
        ("embedded_version", 9),
        ("database_url", "mysql://root@x/y"),
        ("organization", ""),
    ):
        with pytest.raises(Invalid) as caught:
            AsyncMemory(None, **{name: value})  # type: ignore[arg-type]
        assert caught.value.code == "invalid.setting"
        assert caught.value.data["field"] == name
    monkeypatch.setenv("MNEMON_ORGANIZATION", "from-the-environment")
    monkeypatch.setenv("MNEMON_DATABASE_URL", "postgresql://of.the.environment/x")
    memory = AsyncMemory(database_url=url, organization=new_slug("named"))
    assert memory.settings.organization.startswith("named-")
    assert memory.settings.database_url is not None
    assert memory.settings.database_url.get_secret_value() == url
    assert AsyncMemory(database_url=None).settings.database_url is None


async def test_access_counts_are_written_at_the_end(url: str) -> None:
    settings = settings_of(url, organization=new_slug())
    async with AsyncMemory(settings) as memory:
        one = (await memory.remember("the harbour")).id
        for _ in range(3):
            await memory.recall("harbour")
    async with AsyncMemory(settings) as memory:
        assert (await memory.get(one)).access_count == 3


async def test_closing_while_counts_are_being_written_loses_none(url: str) -> None:
    settings = settings_of(url, organization=new_slug())
    async with AsyncMemory(settings) as memory:
        one = (await memory.remember("the harbour")).id
        found = await memory.recall("harbour")
        app = memory._app
        assert app is not None
        for _ in range(5):
            for _ in range(200):
                app.accesses.count(context_of(memory).principal, found.hits)
            app.accesses._wake.set()
            await asyncio.sleep(0.001)
    async with AsyncMemory(settings) as memory:
        assert (await memory.get(one)).access_count == 1001


def test_a_process_that_ends_without_closing_writes_its_counts(data_dir: Path) -> None:
    code = (
        "import sys; from mnemon import Memory; memory = Memory(data_dir=sys.argv[1], organization='counted');"
        "one = memory.remember('the harbour').id; memory.recall('harbour'); print(one)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(data_dir)], check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    assert not shown.stderr
    with Memory(data_dir=data_dir, organization="counted") as memory:
        assert memory.get(shown.stdout.strip()).access_count == 1


def test_importing_the_library_loads_nothing_heavy() -> None:
    code = (
        "import sys, mnemon; heavy = ('pydantic', 'sqlalchemy', 'numpy', 'asyncpg', 'alembic', 'httpx', 'typer');"
        "print([name for name in heavy if name in sys.modules], mnemon.__version__, 'Memory' in dir(mnemon))"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.split("]")[0] == "["
    assert shown.strip().endswith("True")


def test_every_public_name_is_there() -> None:
    for name in mnemon.__all__:
        assert getattr(mnemon, name) is not None
    with pytest.raises(AttributeError):
        mnemon.nothing  # noqa: B018


def test_answers_are_plain_data(url: str) -> None:
    with Memory(settings_of(url, organization=new_slug())) as memory:
        memory.remember("the harbour", user="ada", metadata={"n": 1})
        found = memory.recall("harbour")
        shown = json.loads(found.model_dump_json())
        assert shown["hits"][0]["item"]["content"] == "the harbour"
        assert shown["hits"][0]["why"]["recall"]["semantic"]["share"] > 0
        assert json.loads(memory.list().model_dump_json())["items"][0]["user"] == "ada"
