"""The same calls on a database and on a server over HTTP: the same answers, the same errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from mnemon import AsyncMemory, Conflict, Forbidden, Invalid, Memory, NotFound, Unauthenticated
from mnemon.conversations.schemas import NewMessage
from mnemon.core.settings import load_settings
from mnemon.jobs.errors import JobNotFound
from mnemon.memory.schemas import NewMemory, Scope
from tests.conftest import APP, Server
from tests.factories import new_slug
from tests.serving import acting, key_of, serving
from tests.zones import process_zone

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def address(server: Server, template: str) -> Iterator[str]:
    with serving(load_settings(database_url=server.url(APP), organization="served")) as url:
        yield url


@pytest_asyncio.fixture(params=["database", "server"])
async def either(request: pytest.FixtureRequest, memory: AsyncMemory, address: str) -> AsyncIterator[AsyncMemory]:
    """The memory of a person of a fresh organisation: here, or over HTTP."""
    key = await key_of(memory, role="owner")
    if request.param == "database":
        yield await acting(memory, key)
        return
    async with AsyncMemory(address, api_key=key.key) as remote:
        yield remote


async def test_what_is_remembered_is_found(either: AsyncMemory) -> None:
    one = await either.remember("Rosa moved to Lisbon in May", user="rosa", tags=["home"], importance=8)
    again = [(await either.remember("I keep bees.")).ids[0] for _ in range(2)]
    assert again[0] == again[1], "confirmed"
    said = await either.remember(
        [
            {"role": "user", "content": "Where is the spare key?", "at": NOON},
            NewMessage(content="Under the blue pot.", role="assistant", conversation="door", at=NOON),
            NewMemory(content="The blue pot is on the stairs.", metadata={"room": {"floor": 1}}),
        ],
        conversation="door",
    )
    assert len(said.ids) == said.created == 3
    found = await either.recall("Where does Rosa live?", k=2, user="rosa", token_budget=500)
    assert found[0].content == "Rosa moved to Lisbon in May"
    assert found[0].why.recall
    assert "Lisbon" in found.text
    assert found[0].item.tags == ("home",)
    hits = await either.search("spare key", scope=Scope(conversation="door"))
    assert [hit.item.role for hit in hits][:1] == ["user"]
    assert hits[0].why.match["meaning"].share == pytest.approx(
        hits[0].why.match["meaning"].weight * hits[0].why.match["meaning"].value, abs=1e-4
    )
    page = await either.list(limit=1, conversation="door")
    rest = await either.list(limit=10, conversation="door", cursor=page.next_cursor)
    assert {item.content for item in (*page.items, *rest.items)} == {"Where is the spare key?", "Under the blue pot."}
    assert (await either.list(metadata={"room": {"floor": 1}})).items[0].id == said.ids[2]
    assert (await either.read(one.id)) == "Rosa moved to Lisbon in May"


async def test_what_is_corrected_and_forgotten(either: AsyncMemory) -> None:
    old = (await either.remember("The launch is on Friday.")).id
    before = datetime.now(UTC)
    new = await either.update(old, "The launch is on Monday.", reason="it was moved", expected_version=1)
    assert [item.content for item in (await either.list()).items] == ["The launch is on Monday."]
    assert (await either.get(old, as_of=before)).content == "The launch is on Friday."
    history = await either.history(new.id)
    assert [item.content for item in history.versions] == ["The launch is on Friday.", "The launch is on Monday."]
    assert (await either.reconstruct(old, before)).content == "The launch is on Friday."
    assert (await either.forget(new.id, reason="over")).count == 1
    assert (await either.list()).items == ()
    assert (await either.forget(scope=Scope(tags=("none",)))).count == 0


async def test_what_answers_used(either: AsyncMemory) -> None:
    await either.remember("Rosa likes green tea.", user="rosa")
    answer = (await either.remember("She likes green tea.", role="assistant", conversation="tea")).id
    hits = await either.recall("What does Rosa like?", user="rosa")
    assert (await either.note_use(answer, hits, helpful=True)).count == len(hits)
    uses = await either.usage_of(answer=answer)
    assert uses.items[0].helpful is True
    assert (await either.rate(answer, "positive", comment="right")).feedback_rating == "positive"


async def test_times_are_the_callers(either: AsyncMemory) -> None:
    either.settings = either.settings.model_copy(update={"timezone": "America/New_York"})
    await either.set_timezone("Europe/Berlin", user="rosa")

    async def kept(at: Any, **fields: Any) -> datetime:
        return (await either.get((await either.remember(f"It rained, {new_slug()}", at=at, **fields)).id)).at

    with process_zone("Asia/Tokyo"):
        assert await kept(datetime(2026, 3, 1, 23, 30)) == datetime(2026, 3, 1, 14, 30, tzinfo=UTC)  # noqa: DTZ001
        assert await kept("2026-03-01T23:30", user="rosa") == datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
        assert await kept(date(2026, 3, 1), user="rosa") == datetime(2026, 3, 1, 5, tzinfo=UTC)
        assert await kept("2026-03-01T23:30Z", user="rosa") == datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


async def test_errors_are_the_same(memory: AsyncMemory, address: str) -> None:
    key = await key_of(memory)
    here = await acting(memory, key)
    away = AsyncMemory(address, api_key=key.key)
    task = await here.tasks.create("Send it")
    nothing = uuid4()
    calls: list[Any] = [
        lambda m: m.get(nothing),
        lambda m: m.tasks.get(nothing),
        lambda m: m.tasks.update(task.id, title="Late", expected_version=7),
        lambda m: m.tasks.create("Send it", due_date="soon"),
        lambda m: m.tasks.create(titel="Send it"),
        lambda m: m.jobs.get(nothing),
        lambda m: m.remember(""),
        lambda m: m.remember("x", user=5),
        lambda m: m.recall("x", k=0),
        lambda m: m.search("x", usr="rosa"),
        lambda m: m.list(cursor="nonsense"),
        lambda m: m.forget(),
        lambda m: m.people.create("no address"),
        lambda m: m.roles.create("admin"),
        lambda m: m.conversations.create(external_id="a", team_id=nothing),
        lambda m: m.workflows.define("none", steps=[]),
        lambda m: m.audit.record("no action"),
    ]
    for number, call in enumerate(calls):
        errors = []
        for one in (here, away):
            with pytest.raises((Invalid, NotFound, Conflict, Forbidden)) as caught:
                await call(one)
            errors.append(caught.value)
        own, other = errors
        assert own.message == other.message, number
        assert (type(own), own.code, own.hint) == (type(other), other.code, other.hint)
        assert set(own.data) <= set(other.data)
        assert own.data.get("field") == other.data.get("field")
    with pytest.raises(JobNotFound):
        await away.jobs.get(uuid4())
    await away.close()


async def test_nobody_else_comes_in(house: AsyncMemory, memory: AsyncMemory, address: str) -> None:
    stranger = AsyncMemory(address, api_key=(await key_of(await house.organization(new_slug()))).key)
    mine = AsyncMemory(address, api_key=(await key_of(memory)).key)
    secret = (await mine.remember("The safe opens with 4711.")).id
    for refused in (stranger.get(secret), stranger.update(secret, "Mine"), stranger.read(secret)):
        with pytest.raises(NotFound):
            await refused
    assert not (await stranger.search("How does the safe open?")).hits
    reader = AsyncMemory(address, api_key=(await key_of(memory, "memories:read")).key)
    with pytest.raises(Forbidden) as caught:
        await reader.remember("Not allowed.")
    assert caught.value.data["permission"] == "memories:write"
    ended = await key_of(memory)
    await memory.keys.revoke(ended.id)
    over = await key_of(memory, expires_at=datetime.now(UTC) + timedelta(seconds=0.2))
    await asyncio.sleep(0.3)
    for bad in (ended.key, over.key, "mnk_" + "x" * 43, None):
        with pytest.raises(Unauthenticated):
            await AsyncMemory(address, api_key=bad).list()
    for one in (stranger, mine, reader):
        await one.close()


async def test_many_at_once(either: AsyncMemory) -> None:
    await asyncio.gather(*(either.remember(f"Thing {n}", user="rosa") for n in range(40)))
    assert len((await either.list(user="rosa", limit=100)).items) == 40


async def test_an_import_goes_on_where_it_was(either: AsyncMemory, tmp_path: Path) -> None:
    file = tmp_path / "talk.jsonl"
    lines = [
        json.dumps(
            {"at": f"2026-03-01T12:{n // 60:02d}:{n % 60:02d}Z", "speaker": "Bo", "text": f"Line {n}", "id": str(n)}
        )
        for n in range(1200)
    ]
    file.write_text("\n".join(lines[:700]) + "\n" + "{broken\n" + "\n".join(lines[700:]) + "\n", encoding="utf-8")
    with pytest.raises(Invalid) as caught:
        await either.import_file(file, conversation="talk", user="bo", stop_on_broken=True)
    assert caught.value.code == "invalid.import.broken"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = await either.import_file(file, conversation="talk", user="bo")
    assert report.imported + report.skipped <= 1200
    again = await either.import_file(file, conversation="talk", user="bo", restart=True)
    assert (again.imported, again.skipped) == (0, 1200)
    first = await either.list(conversation="talk", limit=1000)
    rest = await either.list(conversation="talk", limit=1000, cursor=first.next_cursor)
    assert len(first.items) + len(rest.items) == 1200


async def test_a_person_is_erased(either: AsyncMemory) -> None:
    await either.remember("Rosa has a cat.", user="rosa")
    shown = await either.preview_erasure(user="rosa")
    assert shown.counts["memories"] == 1
    receipt = await either.erase(user="rosa", preview=shown)
    assert receipt.counts["memories"] == 1
    assert not (await either.list(user="rosa")).items


def test_without_await(server: Server, template: str, address: str) -> None:
    with Memory(database_url=server.url(APP), organization=new_slug()) as local:
        person = local.people.create(f"{new_slug('person')}@example.org")
        local.roles.assign(person.id, role="admin")
        key = local.keys.create("tests", user_id=person.id, scopes=["*"]).key
    remote = Memory(address, api_key=key)
    remote.remember("Rosa moved to Lisbon", user="rosa")
    assert remote.recall("Where does Rosa live?", user="rosa")[0].content == "Rosa moved to Lisbon"
    assert remote.tasks.complete(remote.tasks.create("Send it").id).task.status == "done"
    remote.close()
    assert remote.list(user="rosa").items, "using it again opens it again"
    remote.close()


async def test_what_only_a_database_has(memory: AsyncMemory, address: str) -> None:
    remote = AsyncMemory(address, api_key=(await key_of(memory)).key)
    for call in (
        remote.open,
        remote.position,
        lambda: remote.after("0"),
        lambda: remote.organization("other"),
        lambda: remote.erase(organization=True),
        lambda: remote.sessions.start(uuid4()),
    ):
        with pytest.raises(Invalid) as caught:
            await call()
        assert caught.value.code == "invalid.remote"
    await remote.close()


@pytest.mark.parametrize(
    ("url", "key", "field"),
    [
        ("memory.example.org", None, "url"),
        ("ftp://example.org", None, "url"),
        ("https://user:secret@example.org", None, "url"),
        ("https://example.org?key=1", None, "url"),
        ("https://", None, "url"),
        ("https://example.org", "two words", "api_key"),
        ("https://example.org", "", "api_key"),
        ("https://example.org", "mnk_\n", "api_key"),
        ("https://example.org", "ключ", "api_key"),
    ],
)
def test_addresses_and_keys_that_cannot_be(url: str, key: str | None, field: str) -> None:
    if key == "mnk_\n":
        AsyncMemory(url, api_key=key)  # what files and shells leave around it is no part of it
        return
    with pytest.raises(Invalid) as caught:
        AsyncMemory(url, api_key=key)
    assert caught.value.data["field"] == field
    assert "secret" not in str(caught.value)


def test_a_key_is_not_shown_and_is_for_a_server() -> None:
    memory = AsyncMemory("https://example.org", api_key="mnk_topsecret")
    assert "topsecret" not in repr(vars(memory)) + repr(vars(memory._remote))
    with pytest.raises(Invalid, match="api_key is for a server"):
        AsyncMemory(api_key="mnk_topsecret")
