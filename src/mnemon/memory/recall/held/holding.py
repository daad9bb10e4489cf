"""Which scopes are held, and that what is held is never behind."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from mnemon.context import Context
from mnemon.db.connection import Connection
from mnemon.memory.recall import candidates
from mnemon.memory.recall.candidates import Asked
from mnemon.memory.recall.held import load
from mnemon.memory.recall.held.scope import HeldScope
from mnemon.memory.schemas import Scope
from mnemon.memory.scope import ResolvedScope

#: Rows that are held of a scope, beside those that are of it, before it is read anew.
_REPLACED = 3
#: What the server that answered last is noted under.
SERVER = "recall's server"


def base_of(scope: ResolvedScope) -> ResolvedScope:
    """Return what of a scope is held: whose rows and where, without the conditions that change from call to call.

    What was known or true at another moment is held as it is asked, and for that question alone.
    """
    if is_past(scope):
        return scope
    return replace(scope, scope=Scope(kinds=scope.scope.kinds), said=None)


def is_past(scope: ResolvedScope) -> bool:
    """Tell whether it is asked what was known or true at another moment."""
    return scope.scope.as_of is not None or scope.scope.valid_at is not None


def find(ctx: Context, base: ResolvedScope) -> HeldScope | None:
    """Return the copy of a scope, as it was last seen."""
    held: HeldScope | None = ctx.copies.get(key_of(base, ctx.cache.get(SERVER)))
    return held


async def settle(
    ctx: Context, connection: Connection, base: ResolvedScope, asked: Asked, asked_about: HeldScope | None
) -> HeldScope | None:
    """Return a scope's rows as the database has them now; None if they are more than are held.

    Args:
        ctx: the context; it has the copies.
        connection: in a transaction of the scope's principal.
        base: the scope, see :func:`base_of`.
        asked: the question's words, and the state of the database.
        asked_about: the copy that the state speaks of: the one that :func:`find` returned before. Another search may
            have put another in its place since.
    """
    state, limit = asked.state, ctx.settings.recall_copy_rows
    key = key_of(base, state.server)
    held: HeldScope | None = ctx.copies.get(key)
    ctx.cache.put(SERVER, state.server)
    if held is not None and (held.mark != state.mark or (state.moved and not base.principal.is_organization)):
        held = None
    if held is not None and (held is not asked_about or state.changed):
        is_whole = await load.bring_up(connection, base, held, dimensions=ctx.embedder.dimensions)
        held = held if is_whole and held.came <= _REPLACED * max(len(held), 64) else None
    if held is None:
        if ctx.cache.get((*key, "large")):
            return None
        await candidates.plan_anew(connection)
        if not await candidates.is_small(connection, base, asked.sizes, limit):
            ctx.cache.put((*key, "large"), True)
            ctx.copies.drop(key)
            return None
        held = await load.hold(connection, base, dimensions=ctx.embedder.dimensions, mark=state.mark)
    if not is_past(base):
        held.leave_out(state.now)
        ctx.copies.put(key, held)
    return held


def forget(ctx: Context, base: ResolvedScope, asked: Asked) -> None:
    """Let go of a copy that has rows which are no longer there."""
    ctx.copies.drop(key_of(base, asked.state.server))


def key_of(base: ResolvedScope, server: str | None) -> tuple[Hashable, ...]:
    """Return what tells a scope, and whose eyes it is seen through, from others."""
    principal = base.principal
    return (
        "held",
        principal.organization_id,
        server,
        principal.user_id,
        principal.agent_id,
        principal.team_ids,
        base.user_id,
        base.agent_id,
        base.conversation_id,
        base.team_id,
        base.scope.kinds,
        base.scope.as_of,
        base.scope.valid_at,
    )
