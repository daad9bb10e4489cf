"""What verbs of identity have in common: one's own account, and nobody giving more than they have."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from mnemon.context import Context
from mnemon.core.crypto import SecretBox, parse_keys
from mnemon.core.errors import Conflict, Forbidden
from mnemon.db.connection import Connection
from mnemon.identity import repository_access

#: What everybody who signed in may do, whatever their roles. A key has it only if its scopes say so.
ACCOUNT = frozenset({"account:read", "account:write"})
#: Which permission a verb asks for that calls :func:`may`.
OWN = "the first for one's own account, the second for another's"
#: Which permission a verb asks for that calls :func:`own_secret`.
ENTRUSTED = "the first for the person themself, the second for the organisation's own process"
#: Why a verb needs no permission that finds out who somebody is.
PROOF = "asks for the secret that proves who somebody is"


def may(ctx: Context, user_id: UUID, *, own: str, others: str) -> None:
    """Let a principal at their own account with one permission, at somebody else's with another.

    Raises:
        Forbidden: they have not the one that is needed.
    """
    if ctx.principal.user_id != user_id or own not in ctx.principal.permissions:
        ctx.principal.require(others)


def hold(ctx: Context, permissions: Collection[str]) -> None:
    """Let a principal give only what they have.

    Raises:
        Forbidden: one of the permissions is not theirs.
    """
    missing = sorted(set(permissions) - ctx.principal.permissions)
    if missing and "*" not in ctx.principal.permissions:
        raise Forbidden(
            f"Nobody gives a permission that they have not: {missing[0]}.",
            code="forbidden.escalation",
            hint="Ask somebody who has it.",
            permission=missing[0],
        )


async def outrank(ctx: Context, connection: Connection, user_id: UUID) -> None:
    """Let a principal act for somebody else only if that person may do nothing that they may not.

    Equals may act for each other: of two owners one helps the other back in.

    Raises:
        Forbidden: the person has a permission that the principal has not.
    """
    if ctx.principal.user_id == user_id or "*" in ctx.principal.permissions:
        return
    held = await repository_access.permissions_of(connection, ctx.principal.organization_id, user_id, ctx.clock.now())
    hold(ctx, held)


def own_secret(ctx: Context, user_id: UUID) -> None:
    """Let at what a person entrusted us with, in plain: the person, and the organisation's process that works for them.

    Raises:
        Forbidden: it is somebody else's, whatever rank they have.
    """
    principal = ctx.principal
    if principal.is_organization:
        principal.require("integrations:use")
    elif principal.user_id == user_id:
        principal.require("account:write")
    else:
        raise Forbidden(
            "Only the person themself and the process that works for them read this.",
            code="forbidden.secret",
            hint="Let the person sign in, or the organisation's own process do it.",
            field="user_id",
        )


async def spare_last_owner(ctx: Context, connection: Connection, user_id: UUID) -> None:
    """Keep people from leaving their organisation without an owner; whoever changes owners waits for each other.

    The organisation's own process may: it can make another.

    Raises:
        Conflict: the person is the only owner.
    """
    if ctx.principal.is_organization:
        return
    owners = await repository_access.lock_owners(connection, ctx.principal.organization_id, ctx.clock.now())
    if owners == {user_id}:
        raise Conflict(
            "The organisation would be without an owner.",
            code="conflict.last_owner",
            hint="Make somebody else an owner first.",
            field="user_id",
        )


def secret_box(ctx: Context) -> SecretBox:
    """Return what encrypts and decrypts under the keys of the settings."""
    key = ctx.settings.secret_key
    return SecretBox(parse_keys(key.get_secret_value()) if key else ())
