"""What tests of access are made of: people, and contexts that act for them with some permissions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.clock import FixedClock
from mnemon.core.principal import Principal
from mnemon.identity import service as identity
from mnemon.identity.schemas import User, UserCreate
from tests.factories import with_settings

KEY = crypto.new_secret_key()
PASSWORD = "correct horse battery"


def address() -> str:
    return f"{uuid4().hex[:12]}@example.org"


async def person(ctx: Context, **fields: Any) -> User:
    return await identity.create_user(ctx, UserCreate(**{"email": address(), **fields}))


def acting(ctx: Context, user: User, *permissions: str) -> Context:
    """The context of a person who signed in and has these permissions beside their account's."""
    everything = frozenset({"account:read", "account:write", *permissions})
    return ctx.as_principal(Principal(ctx.principal.organization_id, user.id, permissions=everything))


def keyed(ctx: Context, key: str = KEY) -> Context:
    """The context with a key that secrets are encrypted under."""
    return with_settings(ctx, secret_key=SecretStr(key))


def at(ctx: Context, moment: datetime) -> Context:
    """The context at a moment."""
    return replace(ctx, clock=FixedClock(moment))
