"""People who signed in before attempts were counted and tokens named their session: everything of theirs goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import bcrypt
import pytest
from pydantic import SecretStr

from mnemon import AsyncMemory, Unauthenticated
from mnemon.core import crypto
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import PasswordCheck, SessionRefresh, TotpCheck
from mnemon.migrations import runner
from tests.conftest import APP, Server
from tests.factories import context_of, upgrade
from tests.identity.access import address, at, keyed, person

#: What the database had under these names before.
OLD = """
CREATE FUNCTION find_user_by_email(p_email text) RETURNS TABLE (password_hash text) LANGUAGE sql SECURITY DEFINER
  AS 'SELECT password_hash::text FROM user_credentials';
GRANT EXECUTE ON FUNCTION find_user_by_email(text) TO mnemon_app;
CREATE FUNCTION find_session_by_refresh_hash(p_hash bytea) RETURNS TABLE (id uuid) LANGUAGE sql SECURITY DEFINER
  AS 'SELECT id FROM sessions';
GRANT EXECUTE ON FUNCTION find_session_by_refresh_hash(bytea) TO mnemon_app;
"""


async def test_who_signed_in_before_goes_on(server: Server, make_database: Any) -> None:
    name = await make_database()
    email, token, secret = address(), crypto.new_token("mnr_"), crypto.new_totp_secret()
    hashed = bcrypt.hashpw(b"password", bcrypt.gensalt(12)).decode()
    async with AsyncMemory(database_url=server.url(APP, name)) as memory:
        user = await person(context_of(memory), email=email)
    await runner.downgrade(server.url(database=name), revision="0009")
    admin = await server.connect(database=name)
    try:
        await admin.execute(f"SET ROLE mnemon_owner; {OLD} RESET ROLE")
        both = (user.organization_id, user.id)
        await admin.execute(
            "INSERT INTO user_credentials (organization_id, user_id, password_hash) VALUES ($1, $2, $3)", *both, hashed
        )
        await admin.execute(
            "INSERT INTO sessions (organization_id, user_id, token_hash, refresh_token_hash, expires_at, "
            "refresh_expires_at) VALUES ($1, $2, sha256('a'), $3, now(), now() + interval '1 day')",
            *both,
            crypto.token_hash(token),
        )
        device = await admin.fetchval(
            "INSERT INTO mfa_devices (organization_id, user_id, name, secret_encrypted, confirmed_at, failed_attempts, "
            "locked_until) VALUES ($1, $2, 'app', 'v1.00000000.x', now(), 4, now()) RETURNING id",
            *both,
        )
        await upgrade(server.url(database=name))
        left = await admin.fetch(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE proname IN ('find_user_by_email', "
            "'find_session_by_refresh_hash') ORDER BY 1"
        )
        assert [row[0] for row in left] == [
            "find_session_by_refresh_hash(bytea,uuid,bytea)",
            "find_user_by_email(text,bytea,inet)",
        ]
        async with AsyncMemory(database_url=server.url(APP, name)) as memory:
            house = keyed(context_of(memory))
            box = crypto.SecretBox(crypto.parse_keys(house.settings.secret_key.get_secret_value()))  # type: ignore[union-attr]
            sealed = box.encrypt(secret, purpose=f"mfa_devices:{device}")
            await admin.execute("UPDATE mfa_devices SET secret_encrypted = $2 WHERE id = $1", device, sealed)
            known = await identity.verify_password(house, PasswordCheck(email=email, password=SecretStr("password")))
            assert known.user_id == user.id
            moment = house.clock.now() + timedelta(minutes=1)
            code = TotpCheck(user_id=user.id, code=crypto.totp(secret, crypto.totp_step(moment)))
            assert (await identity.verify_totp(at(house, moment), code)).device_id == device
            renewed = await identity.refresh_session(house, SessionRefresh(token=SecretStr(token)))
            await identity.refresh_session(house, SessionRefresh(token=renewed.refresh_token))
            with pytest.raises(Unauthenticated) as caught:
                await identity.refresh_session(house, SessionRefresh(token=SecretStr(token)))
            assert caught.value.code == "unauthenticated.refresh_reused"
    finally:
        await admin.close()
