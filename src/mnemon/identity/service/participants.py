"""Participants by the caller's own strings: made on first use, known by the words of their names."""

from __future__ import annotations

import re
from collections.abc import Collection
from uuid import UUID

from mnemon.core.errors import NotFound
from mnemon.core.slugs import check_slug
from mnemon.db.connection import Connection
from mnemon.db.session import Database
from mnemon.identity import repository

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

#: Words of names that say what somebody is rather than who: never taken out of a question.
_TITLES = frozenset("a an and assistant bot agent ai de dr hon mr mrs ms of prof sir the".split())
#: What stands in brackets behind a name: where somebody works, what they do, how they are spoken of. Not a person's
#: name, which begins with a title.
_ADDED = re.compile(r"[(\[](?!(?:mr|mrs|ms|dr|prof)\b)[^()\[\]]*[)\]]", re.IGNORECASE)


def name_words(name: str) -> tuple[str, ...]:
    """Return the words by which recall knows a participant: two letters or more, lower-case, no titles.

    An address counts by its part before the at sign, and what stands in brackets does not, unless there is nothing
    else: "Ada (Sales)" is not called Sales.
    """
    plain = name.split("@", 1)[0] if re.fullmatch(r"\S+@\S+\.\S+", name) else name
    without = _ADDED.sub(" ", plain)
    plain = without if _WORD.search(without) else plain
    words = (word.lower().replace("’", "'") for word in _WORD.findall(plain))
    return tuple(dict.fromkeys(word[:100] for word in words if len(word) > 1 and word not in _TITLES))


async def ensure_organization(database: Database, slug: str, name: str | None = None) -> UUID:
    """Return the id of the organisation with this slug, made on first use.

    Raises:
        Invalid: not a slug.
        NotFound: the organisation was deleted; its slug is not given out again.
    """
    check_slug(slug, "organization")
    async with database.untenanted() as connection:
        organization_id = await repository.ensure_organization(
            connection, slug, name, database.prove(f"organization:{slug}")
        )
    if organization_id is None:
        raise NotFound(f"The organisation {slug!r} was deleted.", code="not_found.organization", field="organization")
    return organization_id


async def ensure_users(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Return ids of people by the caller's own strings; made, with the words of their names, on first use."""
    if not names:
        return {}
    ids = await repository.find_users(connection, organization_id, names)
    missing = [name for name in names if name not in ids]
    if missing:
        added = await repository.add_users(connection, organization_id, missing)
        words = [(word, added[name]) for name in added for word in name_words(name)]
        await repository.add_names(connection, organization_id, words, of_agents=False)
        ids.update(added)
    return ids


async def add_agent_names(connection: Connection, organization_id: UUID, agents: dict[str, UUID]) -> None:
    """Let recall know agents by the words of their names."""
    words = [(word, agents[name]) for name in agents for word in name_words(name)]
    await repository.add_names(connection, organization_id, words, of_agents=True)


async def add_speaker_names(connection: Connection, organization_id: UUID, names: Collection[str]) -> None:
    """Let recall know speakers, who are no users, by the words of their names."""
    words = [(word, name) for name in sorted(names) for word in name_words(name)]
    if words:
        await repository.add_speaker_names(connection, organization_id, words)


async def find_speaking(connection: Connection, organization_id: UUID, name: str) -> list[UUID]:
    """Return ids of the users who speak under a name: that of the caller's, or the one shown."""
    return await repository.find_speaking(connection, organization_id, name)


async def find_users(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Return ids of the people who exist, by the caller's own strings."""
    return await repository.find_users(connection, organization_id, names)


async def labels(
    connection: Connection, organization_id: UUID, ids: Collection[UUID]
) -> dict[UUID, tuple[str | None, str | None]]:
    """Return (the caller's own string, the name shown) of people, by id."""
    rows = await repository.labels(connection, organization_id, ids)
    return {row["id"]: (row["external_id"], row["display_name"] or row["external_id"]) for row in rows}


async def find_team(connection: Connection, organization_id: UUID, slug: str) -> UUID:
    """Return the team's id.

    Raises:
        NotFound: the organisation has no such team; teams are not made on first use, they have members.
    """
    found = await repository.find_team(connection, organization_id, slug)
    if found is None:
        raise NotFound(f"There is no team {slug!r}.", code="not_found.team", field="team")
    return found


async def teams_of(connection: Connection, organization_id: UUID, user_id: UUID) -> frozenset[UUID]:
    """Return teams a person belongs to: they decide which team memories the person sees."""
    return await repository.teams_of(connection, organization_id, user_id)
