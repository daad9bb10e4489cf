"""The repository that every domain builds on, tried on tables of three domains."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest

from mnemon import Conflict, Invalid, NotFound
from mnemon.context import Context
from mnemon.core.pages import PageRequest
from mnemon.db.listing import Listing
from mnemon.identity.repository import TeamRepository, UserRepository
from mnemon.memory.models import MemoryType
from mnemon.memory.repository import MemoryRepository
from tests.factories import rows_of


async def test_create_and_read(ctx: Context) -> None:
    async with ctx.database.session(ctx.principal) as session:
        teams = TeamRepository(session, ctx.principal.organization_id)
        made = await teams.create(name="Crew", slug="crew", settings={"colour": "blue"})
        found = await teams.get_by_id(made.id)
        assert found is not None
        assert (found.slug, found.version, found.settings) == ("crew", 1, {"colour": "blue"})
        assert found.created_at.tzinfo is not None


async def test_update_names_the_version_it_read(ctx: Context) -> None:
    async with ctx.database.session(ctx.principal) as session:
        teams = TeamRepository(session, ctx.principal.organization_id)
        made = await teams.create(name="Crew", slug="crew")
        changed = await teams.update(made.id, expected_version=1, name="The crew")
        assert (changed.name, changed.version) == ("The crew", 2)
        assert changed.updated_at >= changed.created_at
        with pytest.raises(Conflict) as caught:
            await teams.update(made.id, expected_version=1, name="Another")
        assert caught.value.data == {"expected_version": 1, "current_version": 2}
        with pytest.raises(NotFound):
            await teams.update(uuid4(), name="x")
        with pytest.raises(Invalid) as unknown:
            await teams.update(made.id, colour="blue")
        assert unknown.value.data["field"] == "colour"


async def test_delete_is_soft_and_happens_once(ctx: Context) -> None:
    async with ctx.database.session(ctx.principal) as session:
        teams = TeamRepository(session, ctx.principal.organization_id)
        made = await teams.create(name="Crew", slug="crew")
        assert await teams.delete(made.id)
        assert not await teams.delete(made.id)
        assert await teams.get_by_id(made.id) is None
        assert await teams.get_by_id(made.id, include_deleted=True) is not None
        with pytest.raises(NotFound):
            await teams.update(made.id, name="x")


async def test_list_is_in_the_order_of_recording_and_paged(ctx: Context) -> None:
    names = [f"person-{n}" for n in range(7)]
    async with ctx.database.session(ctx.principal) as session:
        users = UserRepository(session, ctx.principal.organization_id)
        for name in names:
            await users.create(external_id=name)
        found: list[str] = []
        listing, request = Listing.oldest("tests.users"), PageRequest(limit=3)
        for expected in (3, 3, 1):
            page = await users.page(listing, ctx.principal, request, lambda row: row.external_id)
            assert len(page.items) == expected
            found += page.items
            request = PageRequest(limit=3, cursor=page.next_cursor)
        assert (sorted(found), page.next_cursor) == (names, None)


async def test_another_organisations_rows_are_not_there(ctx: Context, other: Context) -> None:
    async with ctx.database.session(ctx.principal) as session:
        made = await TeamRepository(session, ctx.principal.organization_id).create(name="Crew", slug="crew")
    async with ctx.database.session(other.principal) as session:
        for organization in (other.principal.organization_id, ctx.principal.organization_id):
            teams = TeamRepository(session, organization)
            assert await teams.get_by_id(made.id) is None
            assert not await rows_of(teams)
            assert not await teams.delete(made.id)
            with pytest.raises(NotFound):
                await teams.update(made.id, name="mine")


async def test_memories_by_embedding(ctx: Context) -> None:
    organization = ctx.principal.organization_id
    texts = {"cat": "the cat sleeps on the sofa", "tax": "the tax return is due in May"}
    vectors = dict(zip(texts, await ctx.embedder.embed(list(texts.values())), strict=True))
    async with ctx.database.session(ctx.principal) as session:
        memories = MemoryRepository(session, organization)
        made = {
            name: await memories.create(content=text, embedding=vectors[name], embedding_status="ready")
            for name, text in texts.items()
        }
        await memories.create(content="without a vector")
        query = (await ctx.embedder.embed(["a kitten naps"]))[0]
        found = await memories.search_by_embedding(query, limit=5)
        assert [m.id for m in found] == [made["cat"].id, made["tax"].id]
        assert not await memories.search_by_embedding(query, memory_types=[MemoryType.IDENTITY])
        similar = await memories.find_similar(np.asarray(vectors["cat"]), threshold=0.9)
        assert [m.id for m in similar] == [made["cat"].id]
        cat = made["cat"].id
        await memories.update_access([cat, cat])
        session.expire_all()
        counted = await memories.get_by_id(cat)
        assert counted is not None
        assert (counted.access_count, counted.version) == (2, 1)
