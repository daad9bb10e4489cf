"""Times without a zone, through the library: the process's, the setting's, the person's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mnemon import AsyncMemory
from mnemon.core.errors import Forbidden, Invalid
from mnemon.core.pages import PageRequest
from mnemon.core.principal import Principal
from mnemon.core.settings import load_settings
from mnemon.identity import service as identity
from mnemon.identity.schemas import TimezoneSet, TimezonesOf, UserCreate, UserRef, UserUpdate
from tests.factories import context_of, new_slug
from tests.zones import process_zone

_PAGE = PageRequest()
LATE = datetime(2026, 3, 1, 23, 30)  # noqa: DTZ001 - the point


async def living_in(house: AsyncMemory, timezone: str | None) -> AsyncMemory:
    """A fresh organisation's memory under this setting."""
    other = await house.organization(new_slug())
    other.settings = other.settings.model_copy(update={"timezone": timezone})
    ctx = context_of(other)
    object.__setattr__(ctx, "settings", other.settings)
    return other


async def kept(memory: AsyncMemory, at: Any, **fields: Any) -> datetime:
    return (await memory.get((await memory.remember(f"The boat is in, {new_slug()}", at=at, **fields)).id)).at


async def test_a_naive_datetime_is_local_and_a_text_is_in_the_zone_of_the_setting(house: AsyncMemory) -> None:
    memory = await living_in(house, "America/New_York")
    with process_zone("Asia/Tokyo"):
        assert await kept(memory, LATE) == datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
        assert await kept(memory, "2026-03-01T23:30") == datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
        assert await kept(memory, date(2026, 3, 1)) == datetime(2026, 3, 1, 5, tzinfo=UTC)
        assert await kept(memory, "2026-03-01") == datetime(2026, 3, 1, 5, tzinfo=UTC)
        assert await kept(memory, "2026-03-01T23:30Z") == datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    unset = await living_in(house, None)
    with process_zone("Asia/Tokyo"):
        assert await kept(unset, "2026-03-01T23:30") == datetime(2026, 3, 1, 14, 30, tzinfo=UTC)


async def test_a_person_has_a_zone_of_their_own(house: AsyncMemory) -> None:
    memory = await living_in(house, "America/New_York")
    await memory.set_timezone("Europe/Berlin", user="ada")
    berlin, new_york = datetime(2026, 3, 1, 22, 30, tzinfo=UTC), datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
    text = "2026-03-01T23:30"
    assert await kept(memory, text, user="ada") == berlin
    assert await kept(memory, text, user="ada", conversation="c") == berlin
    assert await kept(memory, text, user=" ada\u200b") == berlin
    assert await kept(memory, text, user="ben") == new_york
    assert await kept(memory, text) == new_york
    many = await memory.remember(
        [{"content": f"x {n}", "user": name, "at": text} for n, name in enumerate(("ada", "ben", "ada"))]
    )
    assert [(await memory.get(one)).at for one in many.ids] == [berlin, new_york, berlin]
    mixed = await memory.remember(({"content": "y", "user": "ada"}, "z"), at=text)
    assert [(await memory.get(one)).at for one in mixed.ids] == [berlin, new_york]
    with process_zone("Asia/Tokyo"):  # a datetime is the process's, whoever it is about
        assert await kept(memory, LATE, user="ada") == datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
    assert len((await memory.list(user="ada", since=text, until="2026-03-01T23:31")).items) == 6
    assert len((await memory.list(user="ben", since="2026-03-01T23:30", until="2026-03-01T23:31")).items) == 2
    await memory.set_timezone(None, user="ada")
    assert await kept(memory, text, user="ada") == new_york


async def test_every_read_takes_times_the_same_way(house: AsyncMemory) -> None:
    memory = await living_in(house, "Asia/Tokyo")
    one = (await memory.remember("The fair is on", at="2026-03-01T09:00", valid_until="2026-03-02T09:00")).id
    assert (await memory.get(one)).at == datetime(2026, 3, 1, tzinfo=UTC)
    assert (await memory.get(one)).valid_until == datetime(2026, 3, 2, tzinfo=UTC)
    for since, found in (("2026-03-01T09:00", 1), ("2026-03-01T09:01", 0)):
        assert len(await memory.search("fair", since=since)) == found
        assert len(await memory.recall("fair", since=since)) == found
        assert len((await memory.list(since=since)).items) == found
    for valid_at, found in (("2026-03-02T08:59", 1), ("2026-03-02T09:00", 0)):
        assert len(await memory.search("fair", valid_at=valid_at)) == found
    changed = await memory.update(one, "The fair is over", at="2026-03-01T18:00")
    assert changed.at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert (await memory.forget(since="2026-03-01T18:01")).count == 0
    assert (await memory.forget(since="2026-03-01T18:00")).count == 1


async def test_hits_as_text_have_the_time_of_who_asks(house: AsyncMemory) -> None:
    memory = await living_in(house, "Europe/Berlin")
    await memory.remember("The boat is in", at="2026-03-01T23:30", user="ada")
    found = await memory.search("boat")
    assert (found.text, found.timezone) == ("[2026-03-01 23:30] ada: The boat is in", "Europe/Berlin")
    assert found[0].item.at == datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    assert found.model_dump(mode="json")["hits"][0]["item"]["at"] == "2026-03-01T22:30:00Z"
    await memory.set_timezone("Asia/Tokyo", user="ada")
    theirs = await memory.recall("boat", user="ada")
    assert (theirs.text, theirs.timezone) == ("[2026-03-02 07:30] ada: The boat is in", "Asia/Tokyo")
    ctx = context_of(memory)
    ada = next(one for one in (await identity.list_users(ctx, _PAGE)).items if one.external_id == "ada")
    await identity.update_user(ctx, UserUpdate(id=ada.id, timezone="America/New_York"))
    assert (await memory.search("boat", user="ada")).timezone == "America/New_York"


async def test_a_zone_that_nobody_knows_is_refused_everywhere(memory: AsyncMemory) -> None:
    for timezone in ("Mars/Olympus", "", "+02:00", "../Berlin", "Europe/Berlin\n"):
        with pytest.raises(Invalid):
            await memory.set_timezone(timezone, user="ada")
        with pytest.raises(ValueError, match="timezone"):
            UserCreate(email="ada@example.org", timezone=timezone)
    with pytest.raises(Invalid) as caught:
        load_settings(timezone="Mars/Olympus")
    assert "timezone" in str(caught.value)
    assert "Europe/Berlin" in str(caught.value)
    assert load_settings(timezone="").timezone is None


async def test_a_new_person_has_no_zone(memory: AsyncMemory) -> None:
    await memory.remember("x", user="ada")
    ctx = context_of(memory)
    (ada,) = (await identity.list_users(ctx, _PAGE)).items
    assert ada.timezone is None
    assert (await identity.get_user(ctx, UserRef(user_id=ada.id))).timezone is None


async def test_zones_are_an_organisations_own(house: AsyncMemory) -> None:
    one, two = await living_in(house, "UTC"), await living_in(house, "UTC")
    await one.set_timezone("Asia/Tokyo", user="ada")
    assert await kept(two, "2026-03-01T12:00", user="ada") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (await two.search("boat", user="ada")).timezone == "UTC"
    nobody = context_of(one).as_principal(Principal(context_of(one).principal.organization_id, permissions=frozenset()))
    with pytest.raises(Forbidden):
        await identity.set_timezone(nobody, TimezoneSet(user="ada", timezone="UTC"))
    with pytest.raises(Forbidden):
        await identity.set_timezone(nobody, TimezoneSet(user="new", timezone="UTC"))


@pytest.mark.parametrize("at", ["0001-01-01", "9999-12-31", datetime.min, datetime.max, "2026-02-29", "soon", "12"])  # noqa: DTZ901
async def test_what_is_no_time_is_refused_with_what_to_do(memory: AsyncMemory, at: Any) -> None:
    with pytest.raises(Invalid) as caught:
        await memory.remember("x", at=at)
    assert caught.value.code == "invalid.time"
    assert any(word in str(caught.value) for word in ("2 to 9998", "2026-03-31"))
    with pytest.raises(Invalid):
        await memory.search("x", since=at)
    with pytest.raises(Invalid):
        await memory.get("0" * 32, as_of=at)


async def test_a_person_reads_their_own_zone_and_nobody_elses(memory: AsyncMemory, admin: Any) -> None:
    await memory.set_timezone("Asia/Tokyo", user="ada")
    await memory.set_timezone("America/New_York", user="ben")
    organization = context_of(memory).principal.organization_id
    ada = await admin.fetchval("SELECT id FROM users WHERE organization_id = $1 AND external_id = 'ada'", organization)
    for permissions, seen in ((frozenset(), {"ada"}), (frozenset({"users:read"}), {"ada", "ben"})):
        principal = Principal(organization, user_id=ada, agent_id=None, permissions=permissions)
        told = await identity.read_timezones(
            replace(context_of(memory), principal=principal), TimezonesOf(users=("ada", "ben"))
        )
        assert {one.user for one in told} == seen
