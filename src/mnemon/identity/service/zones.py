"""Time zones of people: who has none of their own is in that of the setting ``timezone``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import tzinfo
from uuid import UUID

from mnemon.context import Context
from mnemon.core import times
from mnemon.db.connection import Connection
from mnemon.db.session import driver_of
from mnemon.identity import repository
from mnemon.identity.repository import UserRepository
from mnemon.identity.schemas import TimezoneOf, TimezoneSet, TimezonesOf
from mnemon.identity.service.participants import ensure_users
from mnemon.identity.service.rights import OWN, may, outrank
from mnemon.verbs import verb


@verb("account:write", "users:write", rule=OWN)
async def set_timezone(ctx: Context, request: TimezoneSet) -> None:
    """Say in which time zone a person lives, by the caller's own string; no zone: in that of the setting.

    Who is not known yet is made, as by remembering something of theirs.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal) as session:
        connection = await driver_of(session)
        ids = await repository.find_users(connection, organization, [request.user])
        if request.user not in ids:
            ctx.principal.require("users:write")
            ids = await ensure_users(connection, organization, [request.user])
        user_id = ids[request.user]
        may(ctx, user_id, own="account:write", others="users:write")
        await outrank(ctx, connection, user_id)
        await UserRepository(session, organization).update(user_id, timezone=request.timezone or "")
    know_zone(ctx, user_id, request.timezone)


@verb(rule="a person without users:read reads their own zone and nobody else's", changes=False)
async def read_timezones(ctx: Context, request: TimezonesOf) -> tuple[TimezoneOf, ...]:
    """Read the zones of those of the people who have one of their own."""
    only = None if ctx.principal.holds("users:read") else ctx.principal.user_id
    async with ctx.database.read_transaction(ctx.principal) as connection:
        found = await repository.zones_of(connection, ctx.principal.organization_id, request.users, only=only)
    return tuple(TimezoneOf(user=user, timezone=name) for user, name in found.items())


async def zone_of(ctx: Context, connection: Connection, user_id: UUID | None) -> tzinfo:
    """Return the zone that a person asks in: their own, else that of the setting; believed for a minute."""
    if user_id is None:
        return ctx.zone
    key = (ctx.principal.organization_id, "zone", user_id)
    name: str | None = ctx.cache.get(key)
    if name is None:
        name = await repository.zone_of(connection, ctx.principal.organization_id, user_id) or ""
        ctx.cache.put(key, name)
    return times.zone_or(name, ctx.zone)


def know_zone(ctx: Context, user_id: UUID, name: str | None) -> None:
    """Know a person's zone, once it is committed; other processes do within a minute."""
    ctx.cache.put((ctx.principal.organization_id, "zone", user_id), name or "")


async def zones(ctx: Context, names: Collection[str]) -> dict[str, tzinfo]:
    """Return the zones of those of the people who have one that is ids, by the caller's own strings."""
    told = await read_timezones(ctx, TimezonesOf(users=tuple(dict.fromkeys(names)))) if names else ()
    return {one.user: times.zone_or(one.timezone, ctx.zone) for one in told}
