"""The look-ups of identity that are no files use their indexes too, for a large tenant and for a small one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from mnemon.core.pages import PageRequest
from mnemon.db.connection import Connection
from mnemon.identity import repository, repository_access, repository_secrets
from mnemon.identity import service as identity
from tests.plans import SIZES, Crowd, Key, Tenant
from tests.plans import crowd as crowd

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USER_INDEX = "uq_users_organization_id_id|pk_users"
MEMBERSHIP = "uq_team_memberships_organization_id_user_id_team_id"

Look = Callable[[Tenant], Callable[[Connection, UUID], Awaitable[Any]]]

LOOKS: dict[str, tuple[Look, str]] = {
    "find_users": (
        lambda t: lambda c, o: repository.find_users(c, o, ["user-1", "nobody"]),
        "uq_users_organization_id_external_id",
    ),
    "labels": (lambda t: lambda c, o: repository.labels(c, o, [t.key(Key("user"))]), USER_INDEX),
    "find_team": (lambda t: lambda c, o: repository.find_team(c, o, "team-1"), "uq_teams_organization_id_slug"),
    "teams_of": (lambda t: lambda c, o: repository.teams_of(c, o, t.key(Key("user"))), MEMBERSHIP),
    "is_alive": (lambda t: lambda c, o: repository_access.is_alive(c, o, t.key(Key("user"))), USER_INDEX),
    "roles_of": (
        lambda t: lambda c, o: repository_access.roles_of(c, o, t.key(Key("user")), (None,), 10),
        "pk_user_roles",
    ),
    "lock_role": (lambda t: lambda c, o: repository_access.lock_role(c, o, "owner"), "uq_roles_organization_id_name"),
    "lock_owners": (lambda t: lambda c, o: repository_access.lock_owners(c, o, NOW), "uq_roles_organization_id_name"),
    "lock_mfa_devices": (
        lambda t: lambda c, o: repository_secrets.lock_mfa_devices(c, o, t.key(Key("user"))),
        "uq_mfa_devices_organization_id_user_id_name",
    ),
    "mfa_devices": (
        lambda t: lambda c, o: repository_secrets.mfa_devices(c, o, t.key(Key("user")), (None,), 10),
        "uq_mfa_devices_organization_id_user_id_name",
    ),
    "find_session_owner": (
        lambda t: lambda c, o: repository_secrets.find_session_owner(c, o, t.key(Key("session"))),
        "pk_sessions",
    ),
    "sessions_of": (
        lambda t: lambda c, o: repository_secrets.sessions_of(c, o, t.key(Key("user")), (None, None), 10),
        "ix_sessions_user",
    ),
    "revoke_sessions": (
        lambda t: lambda c, o: repository_secrets.revoke_sessions(c, o, t.key(Key("nobody")), NOW),
        "ix_sessions_user",
    ),
    "api_keys": (
        lambda t: lambda c, o: repository_secrets.api_keys(c, o, t.key(Key("user")), (None, None), 10),
        "ix_api_keys_user",
    ),
    "api_key": (
        lambda t: lambda c, o: repository_secrets.api_key(c, o, t.key(Key("key"))),
        "pk_api_keys|uq_api_keys_organization_id_id",
    ),
    "revoke_api_keys": (
        lambda t: lambda c, o: repository_secrets.revoke_api_keys(c, o, NOW, user_id=t.key(Key("nobody"))),
        "ix_api_keys_user|ix_api_keys_agent",
    ),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", LOOKS)
async def test_look_ups_use_their_indexes(crowd: Crowd, name: str, size: str) -> None:
    look, index = LOOKS[name]
    tenant = crowd.tenant(size)
    await tenant.look(look(tenant), (index,))


@pytest.mark.parametrize("size", SIZES)
async def test_people_are_listed_by_their_index(crowd: Crowd, size: str) -> None:
    tenant = crowd.tenant(size)
    first = await identity.list_users(tenant.ctx, PageRequest(limit=2))
    assert first.next_cursor is not None
    for cursor in (None, first.next_cursor):
        asked = PageRequest(limit=20, cursor=cursor)
        await tenant.verb(partial(identity.list_users, request=asked), ("ix_users_created",))
