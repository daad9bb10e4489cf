"""Every verb as everybody of one organisation: what is private to others is neither told nor changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from mnemon.core.errors import MnemonError
from tests.factories import new_slug
from tests.inside.verbs import CHANGES, EXCEPTIONS, READS, every_verb
from tests.inside.world import MARKS, SEEN_BY, World, make_world, rendered

EVERYBODY = (
    *("olga", "mate", "tess", "sam", "dora", "keeper", "spy", "docker"),
    *("spy for sam", "docker for dora", "keeper for sam", "keeper for olga"),
)
#: Words of rows that are there for others, so that a refusal can be told from an empty organisation.
REFUSED = ("not_found.", "forbidden.owner", "forbidden.secret", "forbidden.team")
_worlds: dict[int, World] = {}


@pytest_asyncio.fixture
async def world(house: AsyncMemory) -> AsyncIterator[World]:
    """One organisation for all that only read."""
    if id(house) not in _worlds:
        _worlds[id(house)] = await make_world(await house.organization(new_slug("inside")))
    yield _worlds[id(house)]


def test_every_verb_is_walked_or_has_its_reason() -> None:
    walked = [*READS, *CHANGES, *EXCEPTIONS]
    assert len(walked) == len(set(walked)), "a verb is in two places"
    missing = every_verb() - set(walked)
    assert not missing, f"neither in a walk nor among the exceptions: {sorted(missing)}"
    gone = set(walked) - every_verb()
    assert not gone, f"no verb any more: {sorted(gone)}"
    assert all(EXCEPTIONS.values())


async def _asked(answer: Awaitable[Any]) -> tuple[Any, MnemonError | None]:
    try:
        return await answer, None
    except MnemonError as error:
        return None, error


def _words(error: MnemonError) -> tuple[Any, ...]:
    return error.message, error.hint, error.data


async def _told(world: World, name: str, who: str) -> tuple[str, int]:
    """All that a verb says to somebody, and how many times it was asked."""
    said, asked = [], 0
    async for answer in READS[name].call(world.eyes[who], world):
        asked += 1
        found, error = await _asked(answer)
        assert error is None or error.code.startswith(REFUSED), (name, who, error)
        said.append(rendered(found if error is None else _words(error)))
    return " ".join(said), asked


@pytest.mark.parametrize("name", sorted(READS))
async def test_what_a_verb_tells(world: World, name: str) -> None:
    for who in EVERYBODY:
        said, asked = await _told(world, name, who)
        assert asked
        for kind, mark in MARKS.items():
            if who not in SEEN_BY[kind]:
                assert mark not in said, f"{name} tells {who} of what is {kind}"
            elif kind in READS[name].shows and not _elsewhere(name, kind, who):
                assert mark in said, f"{name} tells {who} nothing of what is {kind}"


def _elsewhere(name: str, kind: str, who: str) -> bool:
    """Where somebody who may see a row has no such row: an agent has no account, a person no trail of an agent's."""
    return name == "identity.read_oauth_token" and who != "olga" and who != "keeper for olga"


@pytest.mark.parametrize("name", sorted(CHANGES))
async def test_what_a_verb_changes(memory: AsyncMemory, admin: Any, name: str) -> None:
    world = await make_world(memory)
    before = await _everything(world, admin)
    tried = 0
    for who in EVERYBODY:
        for kind in sorted(CHANGES[name].kinds):
            if who in SEEN_BY[kind]:
                continue
            async for change in CHANGES[name].call(world.eyes[who], world, kind):
                tried += 1
                _, error = await _asked(change)
                if error is not None:
                    assert error.code.startswith((*REFUSED, "conflict.exists")), (name, who, kind, error)
                    assert not any(mark in rendered(_words(error)) for mark in MARKS.values()), (name, who, kind)
    assert tried
    after = await _everything(world, admin)
    for table, rows in before.items():
        assert after[table] == rows, f"{name} changed {table}"


async def _everything(world: World, admin: Any) -> dict[str, list[str]]:
    """Every row of the organisation, as a superuser sees it."""
    found = {}
    for table in await admin.fetch(
        "SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE a.attname = 'organization_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
    ):
        rows = await admin.fetch(
            f"SELECT to_jsonb(t)::text AS row FROM {table['name']} t WHERE organization_id = $1 ORDER BY 1",
            world.ctx.principal.organization_id,
        )
        found[table["name"]] = [row["row"] for row in rows]
    return found
