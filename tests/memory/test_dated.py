"""Questions that name a time find what was said then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from tests.factories import new_slug
from tests.memory.dated import ASKED, BERLIN, QUESTIONS, log, within


@pytest_asyncio.fixture(scope="module")
async def logged(house: AsyncMemory) -> AsyncMemory:
    """The log of three years, as Ada's, who lives in Berlin."""
    memory = await house.organization(new_slug())
    await memory.set_timezone("Europe/Berlin", user="ada")
    rows = [{"content": text, "at": at, "conversation": "log", "user": "ada"} for at, text in log()]
    await memory.remember(rows)
    return memory


@pytest.mark.parametrize("verb", ["search", "recall"])
async def test_both_first_hits_are_of_the_time_that_is_named(logged: AsyncMemory, verb: str) -> None:
    ask, wrong = getattr(logged, verb), []
    for question, since, until in QUESTIONS:
        found = await ask(question, k=2, now=ASKED, user="ada")
        if not all(within(hit.item.at, since, until) for hit in found):
            wrong.append((question, [hit.item.at.isoformat() for hit in found], found[0].why.times))
    assert len(QUESTIONS) >= 60
    assert len(wrong) <= 0.05 * len(QUESTIONS), "\n".join(map(str, wrong))


async def test_the_moment_and_the_zone_of_asking_count(house: AsyncMemory) -> None:
    memory = await house.organization(new_slug())
    await memory.set_timezone("Asia/Tokyo", user="ada")
    await memory.set_timezone("America/New_York", user="ben")
    for user in ("ada", "ben"):
        await memory.remember(
            [
                {
                    "content": f"The boat was seen, {n}",
                    "at": datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=6 * n),
                    "user": user,
                }
                for n in range(24)
            ]
        )
    now = datetime(2026, 3, 4, 20, tzinfo=UTC)  # the 5th in Tokyo, the 4th in New York
    for user, day, offset in (("ada", "2026-03-04", 9), ("ben", "2026-03-03", -5)):
        found = await memory.search("Where was the boat yesterday?", k=4, now=now, user=user)
        assert {str((hit.item.at + timedelta(hours=offset)).date()) for hit in found} == {day}
        zone = "Asia/Tokyo" if user == "ada" else "America/New_York"
        assert found[0].why.times == (f"{day}, {zone}",)
    as_of = datetime.now(UTC)
    day = str((as_of.astimezone(ZoneInfo("Asia/Tokyo")) - timedelta(days=1)).date())
    known = await memory.search("Where was the boat yesterday?", k=1, as_of=as_of, user="ada")
    assert known[0].why.times == (f"{day}, Asia/Tokyo",)


async def test_rows_of_the_time_are_found_among_many_that_match_better(house: AsyncMemory) -> None:
    memory = await house.organization(new_slug())
    start = datetime(2020, 1, 1, 12, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {
            "content": f"The boat in the harbour has a new mast and sails, {n}",
            "at": start + timedelta(days=n),
            "conversation": "c",
        }
        for n in range(900)
    ]
    rows += [
        {"content": f"Rain, {n}", "at": datetime(2026, 3, 3, 12, n, tzinfo=UTC), "conversation": "c"} for n in range(2)
    ]
    await memory.remember(rows)
    found = await memory.search("What has the boat in the harbour got on 2026-03-03?", k=2)
    assert {hit.content for hit in found} == {"Rain, 0", "Rain, 1"}
    assert "time" in found[0].why.via


async def test_an_explanation_says_which_range_was_understood(memory: AsyncMemory) -> None:
    await memory.set_timezone("Europe/Berlin", user="ada")
    await memory.remember("The boat is in", at="2026-03-03T12:00", user="ada")
    for question, times in {
        "Where was the boat on 3 March 2026?": ("2026-03-03, Europe/Berlin",),
        "Where was the boat last week?": ("2026-06-08 to 2026-06-14, Europe/Berlin",),
        "Where was the boat on 03/04/2026?": ("2026-04-03, Europe/Berlin", "2026-03-04, Europe/Berlin"),
        "Where was the boat since March?": ("since 2026-03-01, Europe/Berlin",),
        "Where was the boat yesterday at 3 pm?": ("2026-06-16 15:00 to 16:00, Europe/Berlin",),
        "Where was the boat?": (),
    }.items():
        found = await memory.search(question, now=ASKED.astimezone(BERLIN), user="ada")
        assert found[0].why.times == times


async def test_the_day_itself_counts_most(memory: AsyncMemory) -> None:
    days = {name: f"2026-03-{name}T12:00Z" for name in ("02", "03", "04", "05", "06", "20")}
    await memory.remember([{"content": "The boat is in", "at": at, "conversation": name} for name, at in days.items()])
    found = await memory.search("Was the boat in on 2026-03-03?")
    assert found[0].item.conversation == "03"
    shares = {hit.item.conversation: hit.why.match["date"].value for hit in found if "date" in hit.why.match}
    assert shares["03"] == 1.0
    assert 0.6 >= shares["04"] > shares["05"] > shares["06"] > shares["20"]
    assert shares["04"] > shares["02"]
