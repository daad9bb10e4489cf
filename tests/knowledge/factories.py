"""What the tests of knowledge are made of: agents, items, patterns, and errors that are looked at."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from mnemon.agents import service as agents_service
from mnemon.context import Context
from mnemon.core.errors import MnemonError
from mnemon.core.text import parse
from mnemon.knowledge import service
from mnemon.knowledge.schemas import AddKnowledge, AddPattern, KnowledgeItem, Pattern


async def make_agents(ctx: Context, *names: str) -> list[UUID]:
    """Agents of the organisation, by name."""
    async with ctx.database.transaction(ctx.principal) as connection:
        found = await agents_service.ensure_agents(connection, ctx.principal.organization_id, names)
    return [found[name] for name in names]


async def make_agent(ctx: Context, name: str = "guide") -> UUID:
    """An agent of the organisation."""
    return (await make_agents(ctx, name))[0]


async def acting(ctx: Context, name: str = "guide") -> Context:
    """The context of an agent that acts."""
    return ctx.as_principal(replace(ctx.principal, agent_id=await make_agent(ctx, name)))


def limited(ctx: Context, *permissions: str) -> Context:
    """The same principal with these permissions only."""
    return ctx.as_principal(replace(ctx.principal, permissions=frozenset(permissions)))


async def make_item(ctx: Context, title: str = "Trains", **fields: Any) -> KnowledgeItem:
    """An item of knowledge."""
    content = {"title": title, **fields.pop("content", {})}
    given = {"domain": "travel", "content": content, "source_agent_id": await make_agent(ctx), **fields}
    return await service.add_knowledge(ctx, parse(AddKnowledge, given))


async def make_pattern(ctx: Context, **fields: Any) -> Pattern:
    """A pattern."""
    given = {"type": "lateral", "name": "turn it round", "pattern_data": {"steps": 2}, **fields}
    return await service.add_pattern(ctx, parse(AddPattern, given))


async def refusal(attempt: Awaitable[Any], kind: type[MnemonError]) -> MnemonError:
    """The error of this kind that an attempt meets."""
    with pytest.raises(kind) as caught:
        await attempt
    return caught.value


async def raw(ctx: Context, query: str, *values: Any) -> str:
    """A statement as the application role, past every schema."""
    async with ctx.database.transaction(ctx.principal) as connection:
        return await connection.execute(query, *values)
