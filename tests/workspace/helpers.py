"""What tests of several domains do: make people, act as them, meet refusals, read plans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from mnemon.context import Context
from mnemon.core.clock import FixedClock
from mnemon.core.errors import Invalid, MnemonError
from mnemon.core.principal import Principal
from mnemon.core.text import Schema, parse
from mnemon.identity import service as identity

NOBODY_YET = UUID("00000000-0000-4000-8000-000000000001")


async def people(ctx: Context, *names: str) -> list[UUID]:
    """Ids of people of the organisation, made on first use."""
    async with ctx.database.transaction(ctx.principal) as connection:
        found = await identity.ensure_users(connection, ctx.principal.organization_id, names)
    return [found[name] for name in names]


def acting(ctx: Context, user_id: UUID | None = None, **changes: Any) -> Context:
    """The same context on behalf of a person or an agent, or with fewer permissions."""
    return ctx.as_principal(replace(ctx.principal, user_id=user_id, **changes))


def at(ctx: Context, moment: datetime) -> Context:
    """The same context with the clock held still."""
    return replace(ctx, clock=FixedClock(moment))


def without_rights(ctx: Context) -> Context:
    """Somebody of the organisation who may do nothing."""
    return ctx.as_principal(Principal(ctx.principal.organization_id, permissions=frozenset()))


def refused_field(model: type[Schema], **values: Any) -> tuple[str, str]:
    """(code, field) of what the schema refuses."""
    with pytest.raises(Invalid) as caught:
        parse(model, values)
    return caught.value.code, caught.value.data["field"]


async def refused_row(ctx: Context, table: str, **values: str) -> MnemonError:
    """What an insert of these values (SQL) meets, as the application's role."""
    row = {"organization_id": f"'{ctx.principal.organization_id}'", **values}
    with pytest.raises(MnemonError) as caught:
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    return caught.value


async def plan(ctx: Context, query: str, *values: Any) -> str:
    """The plan of a statement under row-level security, as JSON text."""
    async with ctx.database.transaction(ctx.principal) as connection:
        found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *values)
    return found if isinstance(found, str) else json.dumps(found)


def indexes(found: str) -> set[str]:
    """Names of the indexes that a plan uses."""
    return set(_indexes(json.loads(found)))


def _indexes(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "Index Name" in node:
            yield node["Index Name"]
        for value in node.values():
            yield from _indexes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _indexes(value)
