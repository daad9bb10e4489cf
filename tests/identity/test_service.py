"""Who there is: organisations and people by the caller's own strings, and the words of their names."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mnemon import Invalid, NotFound
from mnemon.context import Context
from mnemon.db.session import Database
from mnemon.identity import service as identity
from mnemon.identity.service import name_words
from tests.factories import new_slug


async def test_an_organisation_is_made_once(database: Database) -> None:
    slug = new_slug()
    ids = await asyncio.gather(*(identity.ensure_organization(database, slug) for _ in range(20)))
    assert len(set(ids)) == 1
    assert ids[0] != await identity.ensure_organization(database, new_slug())
    with pytest.raises(Invalid):
        await identity.ensure_organization(database, "Not a slug")


async def test_an_organisation_has_the_name_it_was_made_with(database: Database, admin: Any) -> None:
    named, unnamed = new_slug(), new_slug()
    await identity.ensure_organization(database, named, "The Harbour Company")
    await identity.ensure_organization(database, named, "Another name")
    await identity.ensure_organization(database, unnamed)
    rows = await admin.fetch("SELECT slug, name FROM organizations WHERE slug = ANY($1)", [named, unnamed])
    assert {row["slug"]: row["name"] for row in rows} == {named: "The Harbour Company", unnamed: unnamed}


async def test_people_are_made_once_and_found_again(ctx: Context) -> None:
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        assert await identity.ensure_users(connection, organization, []) == {}
        made = await identity.ensure_users(connection, organization, ["ada", "bob"])
        again = await identity.ensure_users(connection, organization, ["bob", "cem", "ada"])
        assert {name: again[name] for name in made} == made
        assert await identity.find_users(connection, organization, ["ada", "nobody"]) == {"ada": made["ada"]}


async def test_people_made_by_many_at_once_are_one_each(ctx: Context) -> None:
    organization = ctx.principal.organization_id
    names = [f"person {n}" for n in range(10)]

    async def make(order: list[str]) -> dict[str, Any]:
        async with ctx.database.transaction(ctx.principal) as connection:
            return dict(await identity.ensure_users(connection, organization, order))

    found = await asyncio.gather(*(make(names[n:] + names[:n]) for n in range(10)))
    assert all(one == found[0] for one in found)


async def test_a_team_and_its_members(ctx: Context) -> None:
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        with pytest.raises(NotFound) as caught:
            await identity.find_team(connection, organization, "crew")
        assert caught.value.code == "not_found.team"
        user = (await identity.ensure_users(connection, organization, ["ada"]))["ada"]
        assert await identity.teams_of(connection, organization, user) == frozenset()
        team = await connection.fetchval(
            "INSERT INTO teams (organization_id, name, slug) VALUES ($1, 'Crew', 'crew') RETURNING id", organization
        )
        await connection.execute(
            "INSERT INTO team_memberships (organization_id, user_id, team_id) VALUES ($1, $2, $3)",
            organization,
            user,
            team,
        )
        assert await identity.find_team(connection, organization, "crew") == team
        assert await identity.teams_of(connection, organization, user) == {team}
        await connection.execute("UPDATE teams SET deleted_at = now()")
        with pytest.raises(NotFound):
            await identity.find_team(connection, organization, "crew")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Ada Lovelace", ("ada", "lovelace")),
        ("Dr. Ada Lovelace", ("ada", "lovelace")),
        ("ada.lovelace@example.org", ("ada", "lovelace")),
        ("O’Brien", ("o'brien",)),
        ("Jean-Luc", ("jean-luc",)),
        ("X", ()),
        ("The Assistant", ()),
        ("田中 太郎", ("田中", "太郎")),
        ("ada_lovelace_2", ("ada", "lovelace")),
        ("Ada Ada ADA", ("ada",)),
        ("Ada Lovelace (Minister of Numbers)", ("ada", "lovelace")),
        ("Ada [she/her] Lovelace", ("ada", "lovelace")),
        ("The Chair (Mrs. Ada Lovelace)", ("chair", "ada", "lovelace")),
        ("(Ada)", ("ada",)),
        ("Prof. Ada (", ("ada",)),
        ("🦓", ()),
        ("", ()),
    ],
)
def test_the_words_of_a_name(name: str, words: tuple[str, ...]) -> None:
    assert name_words(name) == words
