"""Connections: granted, refreshed, ended; tokens encrypted and never given out by a read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, NotFound, Unavailable
from mnemon.core.pages import PageRequest
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import RoleAssign
from mnemon.integrations import service
from mnemon.integrations.schemas import Connect, Integration, ListIntegrations, RefreshTokens, ReportFailure, SaveCursor
from tests.integrations.conftest import connect
from tests.workspace.helpers import (
    NOBODY_YET,
    acting,
    at,
    people,
    refused_field,
    refused_row,
    without_rights,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def test_tokens_are_encrypted_and_only_the_one_who_uses_them_reads_them(keyed: Context, admin: Any) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada, access_token="the-access-token", refresh_token="the-refresh-token")
    row = await admin.fetchrow("SELECT to_jsonb(t)::text AS row FROM integrations t WHERE id = $1", made.id)
    assert "the-access-token" not in row["row"]
    assert "the-refresh-token" not in row["row"]
    assert "token" not in Integration.model_fields
    tokens = await service.read_tokens(keyed, made.id)
    assert tokens.access_token.get_secret_value() == "the-access-token"
    assert tokens.refresh_token is not None
    assert tokens.refresh_token.get_secret_value() == "the-refresh-token"
    assert "the-access" not in repr(tokens)
    # A ciphertext that was copied to another person's row is not read there.
    (bo,) = await people(keyed, "bo")
    theirs = await connect(keyed, bo)
    await admin.execute(
        "UPDATE integrations SET access_token_encrypted = "
        "(SELECT access_token_encrypted FROM integrations WHERE id = $1) WHERE id = $2",
        made.id,
        theirs.id,
    )
    with pytest.raises(Unavailable):
        await service.read_tokens(keyed, theirs.id)


async def test_without_a_key_nothing_is_stored(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    with pytest.raises(Unavailable) as caught:
        await connect(ctx, ada)
    assert caught.value.code == "unavailable.secret_key"
    assert not (await service.list_integrations(ctx, ListIntegrations())).items


async def test_granted_again_it_is_the_same_connection(keyed: Context) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada, scopes=("mail",), metadata={"a": 1})
    assert (made.status, made.scopes, made.version) == ("active", ("mail",), 1)
    await service.save_cursor(keyed, SaveCursor(id=made.id, cursor="c-1"))
    await service.disconnect_integration(keyed, made.id)
    again = await connect(keyed, ada, access_token="second", scopes=("mail", "files"))
    assert (again.id, again.status, again.sync_cursor, again.scopes) == (made.id, "active", "c-1", ("mail", "files"))
    assert (await service.read_tokens(keyed, made.id)).access_token.get_secret_value() == "second"
    both = await asyncio.gather(*(connect(keyed, ada, provider="slack") for _ in range(5)))
    assert len({one.id for one in both}) == 1
    assert len((await service.list_integrations(keyed, ListIntegrations(user_id=ada))).items) == 2
    assert (
        len((await service.list_integrations(keyed, ListIntegrations(provider="slack", status=("active",)))).items) == 1
    )


async def test_refreshing_names_the_version_it_read(keyed: Context) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada, refresh_token="keeps")
    failed = await service.report_failure(keyed, ReportFailure(id=made.id, status="expired", error="grant is over"))
    assert (failed.status, failed.last_error) == ("expired", "grant is over")
    request = RefreshTokens(id=made.id, access_token=SecretStr("new"), expires_at=NOW, expected_version=failed.version)
    fresh = await service.refresh_tokens(keyed, request)
    assert (fresh.status, fresh.last_error, fresh.token_expires_at) == ("active", None, NOW)
    tokens = await service.read_tokens(keyed, made.id)
    assert tokens.access_token.get_secret_value() == "new"
    assert tokens.refresh_token is not None
    assert tokens.refresh_token.get_secret_value() == "keeps"
    with pytest.raises(Conflict) as caught:
        await service.refresh_tokens(keyed, request)
    assert caught.value.data == {"expected_version": failed.version, "current_version": fresh.version}
    cursor = SaveCursor(id=made.id, cursor="c", expected_version=fresh.version)
    saved = await service.save_cursor(at(keyed, NOW), cursor)
    assert (saved.sync_cursor, saved.last_sync_at) == ("c", NOW)
    with pytest.raises(Conflict):
        await service.save_cursor(keyed, cursor)


async def test_ended_it_has_no_tokens(keyed: Context, admin: Any) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada)
    ended = await service.disconnect_integration(keyed, made.id)
    assert ended.status == "disconnected"
    assert await admin.fetchval("SELECT access_token_encrypted IS NULL FROM integrations WHERE id = $1", made.id)
    for attempt in (
        service.read_tokens(keyed, made.id),
        service.refresh_tokens(keyed, RefreshTokens(id=made.id, access_token=SecretStr("x"))),
        service.report_failure(keyed, ReportFailure(id=made.id, status="error", error="x")),
    ):
        with pytest.raises(Conflict) as caught:
            await attempt
        assert caught.value.code == "conflict.disconnected"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"provider": "aol"}, "provider"),
        ({"access_token": ""}, "access_token"),
        ({"access_token": "x\x00"}, "access_token"),
        ({"scopes": ["x" * 1001]}, "scopes.0"),
        ({"metadata": []}, "metadata"),
    ],
)
def test_the_schema_names_the_field(values: dict[str, Any], field: str) -> None:
    assert refused_field(Connect, **{"provider": "google", "access_token": "t", **values})[1] == field


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"provider": "'aol'"}, "invalid.provider", "provider"),
        ({"status": "'lost'"}, "invalid.status", "status"),
        ({"provider": "NULL"}, "invalid.required", "provider"),
        ({"user_id": f"'{NOBODY_YET}'"}, "not_found.reference", "user_id"),
        ({"provider": "'slack'"}, "conflict.exists", "provider"),
    ],
)
async def test_the_database_refuses_it_too(keyed: Context, values: dict[str, str], code: str, field: str) -> None:
    (ada,) = await people(keyed, "ada")
    await connect(keyed, ada, provider="slack")
    error = await refused_row(keyed, "integrations", **{"user_id": f"'{ada}'", "provider": "'google'", **values})
    assert (error.code, error.data["field"]) == (code, field)


async def test_others_reach_nothing(keyed: Context, other: Context) -> None:
    ada, bo = await people(keyed, "ada", "bo")
    made = await connect(acting(keyed, ada))
    for who in (other, acting(keyed, bo)):
        for attempt in (
            service.get_integration(who, made.id),
            service.read_tokens(who, made.id),
            service.refresh_tokens(who, RefreshTokens(id=made.id, access_token=SecretStr("x"))),
            service.save_cursor(who, SaveCursor(id=made.id, cursor="x")),
            service.report_failure(who, ReportFailure(id=made.id, status="error", error="x")),
            service.disconnect_integration(who, made.id),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert not (await service.list_integrations(who, ListIntegrations())).items
    with pytest.raises(Forbidden):
        await connect(acting(keyed, bo), ada)
    assert await service.get_integration(keyed, made.id) == made


async def test_every_verb_wants_its_permission(keyed: Context) -> None:
    nobody, row = without_rights(keyed), uuid4()
    for attempt in (
        connect(nobody),
        service.get_integration(nobody, row),
        service.list_integrations(nobody, ListIntegrations()),
        service.read_tokens(nobody, row),
        service.refresh_tokens(nobody, RefreshTokens(id=row, access_token=SecretStr("x"))),
        service.save_cursor(nobody, SaveCursor(id=row, cursor="x")),
        service.report_failure(nobody, ReportFailure(id=row, status="error", error="x")),
        service.disconnect_integration(nobody, row),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_members_connect_services_of_their_own_and_nobody_elses(keyed: Context) -> None:
    """A member may connect and end; the tokens are for the process that synchronises, who has integrations:use."""
    ada, bo = await people(keyed, "ada", "bo")
    await identity.list_roles(keyed, PageRequest())  # makes the system's roles
    eyes = {}
    for person, role in ((ada, "member"), (bo, "viewer")):
        await identity.assign_role(keyed, RoleAssign(user_id=person, role=role))
        eyes[person] = acting(keyed, person, permissions=await identity.permissions_of(keyed, person))
    made = await connect(eyes[ada])
    assert made.user_id == ada
    assert [one.id for one in (await service.list_integrations(eyes[ada], ListIntegrations())).items] == [made.id]
    for attempt in (connect(eyes[ada], bo), connect(eyes[bo]), service.read_tokens(eyes[ada], made.id)):
        with pytest.raises(Forbidden):
            await attempt
    assert (await service.list_integrations(eyes[bo], ListIntegrations())).items == ()
    with pytest.raises(Forbidden):
        await service.disconnect_integration(eyes[bo], made.id)
    assert (await service.disconnect_integration(eyes[ada], made.id)).status == "disconnected"
