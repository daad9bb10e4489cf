"""A context that can keep secrets, and connections in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.crypto import new_secret_key
from mnemon.core.text import parse
from mnemon.integrations import service
from mnemon.integrations.schemas import Connect, Integration
from tests.factories import with_settings

KEY = new_secret_key()


@pytest.fixture
def keyed(ctx: Context) -> Context:
    """The context of a fresh organisation, with a key to encrypt secrets with."""
    return with_settings(ctx, secret_key=SecretStr(KEY))


async def connect(ctx: Context, user_id: UUID | None = None, **values: Any) -> Integration:
    """A connection to Google, unless another provider is given."""
    request = {"user_id": user_id, "provider": "google", "access_token": "token", **values}
    return await service.connect_integration(ctx, parse(Connect, request))
