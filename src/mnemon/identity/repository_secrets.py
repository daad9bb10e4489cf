"""SQL of what proves who somebody is: passwords, second factors, other services' tokens, sessions, keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mnemon.db.connection import Connection
from mnemon.db.sql import statement
from mnemon.identity.repository_access import PACKAGE

# Passwords.


async def password_hash(connection: Connection, user_id: UUID, proof: bytes) -> str | None:
    """Return the hash of the password of a person of the transaction's organisation, None if there is none."""
    found: str | None = await connection.fetchval("SELECT password_hash_of($1, $2)", user_id, proof)
    return found


async def set_password(
    connection: Connection, organization_id: UUID, user_id: UUID, hashed: str, changed_at: datetime
) -> None:
    """Keep the hash of a person's password in place of the one before.

    Index: uq_user_credentials_organization_id_user_id.
    """
    # The values again and not `excluded`: to name that column there, one needs the right to read it.
    await connection.execute(
        "INSERT INTO user_credentials (organization_id, user_id, password_hash, password_changed_at) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (organization_id, user_id) DO UPDATE SET password_hash = $3, "
        "password_changed_at = $4, deleted_at = NULL",
        organization_id,
        user_id,
        hashed,
        changed_at,
    )


async def set_mfa(connection: Connection, organization_id: UUID, user_id: UUID) -> None:
    """Set the person's flag to whether they have a confirmed second factor."""
    await connection.execute(
        "UPDATE user_credentials SET mfa_enabled = EXISTS (SELECT FROM mfa_devices d WHERE d.organization_id = $1 "
        "AND d.user_id = $2 AND d.confirmed_at IS NOT NULL AND d.deleted_at IS NULL) "
        "WHERE organization_id = $1 AND user_id = $2",
        organization_id,
        user_id,
    )


# Second factors.


async def add_totp(
    connection: Connection,
    organization_id: UUID,
    device_id: UUID,
    user_id: UUID,
    name: str,
    secret: str,
    phone_number: str | None = None,
) -> bool:
    """Make a second factor that is not in force yet, in place of one of that name that never was; a phone, or an app.

    False if there is one of that name in force.
    """
    status = await connection.execute(
        "INSERT INTO mfa_devices AS d (organization_id, id, user_id, name, secret_encrypted, type, phone_number) "
        "VALUES ($1, $2, $3, $4, $5, CASE WHEN $6::text IS NULL THEN 'totp' ELSE 'sms' END::mfa_type, $6) "
        "ON CONFLICT (organization_id, user_id, name) DO UPDATE SET id = excluded.id, type = excluded.type, "
        "phone_number = excluded.phone_number, secret_encrypted = excluded.secret_encrypted, confirmed_at = NULL, "
        "last_used_step = NULL, deleted_at = NULL "
        "WHERE d.confirmed_at IS NULL OR d.deleted_at IS NOT NULL",
        organization_id,
        device_id,
        user_id,
        name,
        secret,
        phone_number,
    )
    return status != "INSERT 0 0"


async def lock_mfa_devices(connection: Connection, organization_id: UUID, user_id: UUID) -> list[Any]:
    """Return a person's second factors, alone until the transaction ends: a code is counted once."""
    return await connection.fetch(
        "SELECT id, type::text AS type, phone_number, secret_encrypted, confirmed_at, last_used_step FROM mfa_devices "
        "WHERE organization_id = $1 AND user_id = $2 AND deleted_at IS NULL ORDER BY id FOR UPDATE",
        organization_id,
        user_id,
    )


async def mfa_devices(
    connection: Connection, organization_id: UUID, user_id: UUID, after: Sequence[Any], limit: int
) -> list[Any]:
    """Return a person's second factors, without their secrets."""
    return await connection.fetch(
        "SELECT id, user_id, type::text AS type, name, confirmed_at FROM mfa_devices "
        "WHERE organization_id = $1 AND user_id = $2 AND deleted_at IS NULL "
        "AND ($3::text IS NULL OR name > $3) ORDER BY name LIMIT $4",
        organization_id,
        user_id,
        *after,
        limit,
    )


async def accept_code(connection: Connection, organization_id: UUID, device_id: UUID, step: int, at: datetime) -> None:
    """Remember the step of a code that was accepted; the first one puts the device in force."""
    await connection.execute(
        "UPDATE mfa_devices SET last_used_step = $3, confirmed_at = coalesce(confirmed_at, $4) "
        "WHERE organization_id = $1 AND id = $2",
        organization_id,
        device_id,
        step,
        at,
    )


async def tell_of_refusal(connection: Connection, user_id: UUID) -> None:
    """Tell the trail that a code was refused: of the person who signs in, or of whom somebody else tried it for."""
    await connection.execute(
        "SELECT record_audit('mfa_devices:verify', 'users', $1::uuid::text, 'failure', NULL, '{}', "
        "CASE WHEN current_user_id() IS NULL AND current_agent_id() IS NULL THEN $1::uuid END)",
        user_id,
    )


async def find_mfa_device(connection: Connection, organization_id: UUID, device_id: UUID) -> UUID | None:
    """Return whose second factor it is, None if there is no such one."""
    found: UUID | None = await connection.fetchval(
        "SELECT user_id FROM mfa_devices WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
        organization_id,
        device_id,
    )
    return found


async def remove_mfa_device(connection: Connection, organization_id: UUID, device_id: UUID, at: datetime) -> None:
    """Take a second factor out of force."""
    await connection.execute(
        "UPDATE mfa_devices SET deleted_at = $3 WHERE organization_id = $1 AND id = $2",
        organization_id,
        device_id,
        at,
    )


# Attempts. Through SECURITY DEFINER functions, each a transaction of its own.


async def begin_attempt(
    connection: Connection, person: bytes | None, address: bytes | None, factor: bool, at: datetime
) -> Any:
    """Count an attempt, as (retry_after, person_until, address_until); with a retry_after it may not be made."""
    return await connection.fetchrow(
        "SELECT retry_after, person_until, address_until FROM begin_attempt($1, $2, $3, $4)",
        person,
        address,
        factor,
        at,
    )


async def attempt_waits(connection: Connection, address: bytes, at: datetime) -> timedelta | None:
    """Return how long an address waits; None: it does not."""
    found: timedelta | None = await connection.fetchval("SELECT attempt_waits($1, $2)", address, at)
    return found


async def settle_attempt(connection: Connection, row: Sequence[Any]) -> None:
    """Note that an attempt was right: person, address, whether of a second factor, and what begin_attempt told."""
    await connection.execute("SELECT settle_attempt($1, $2, $3, $4, $5)", *row)


async def is_familiar(
    connection: Connection, organization_id: UUID, user_id: UUID, address: str | None, since: datetime
) -> bool:
    """Tell whether a person began a session from this address since then."""
    found: bool = await connection.fetchval(statement(PACKAGE, "is_familiar"), organization_id, user_id, address, since)
    return found


# Sessions.


async def add_session(connection: Connection, row: Sequence[Any]) -> None:
    """Write a session: organisation, id, person, two hashes, address, agent, two ends, beginning."""
    await connection.execute(
        "INSERT INTO sessions (organization_id, id, user_id, token_hash, refresh_token_hash, ip_address, user_agent, "
        "expires_at, refresh_expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6::text::inet, $7, $8, $9, $10)",
        *row,
    )
    await connection.execute(
        "UPDATE users SET last_login_at = $3 WHERE organization_id = $1 AND id = $2", row[0], row[2], row[9]
    )


async def renew_session(connection: Connection, organization_id: UUID, row: Sequence[Any]) -> bool:
    """Give a session new tokens in place of the refresh token shown; False if somebody else was first.

    The row: id, hash of the token shown, new hashes, new ends, whether to remember the one shown, because it does not
    name its session.
    """
    status = await connection.execute(
        "UPDATE sessions SET token_hash = $4, refresh_token_hash = $5, expires_at = $6, refresh_expires_at = $7, "
        "previous_refresh_token_hash = CASE WHEN $8 THEN $3 ELSE previous_refresh_token_hash END "
        "WHERE organization_id = $1 AND id = $2 AND refresh_token_hash = $3 AND revoked_at IS NULL",
        organization_id,
        *row,
    )
    return status != "UPDATE 0"


async def find_session_owner(connection: Connection, organization_id: UUID, session_id: UUID) -> UUID | None:
    """Return whose session it is, None if there is no such one."""
    found: UUID | None = await connection.fetchval(
        "SELECT user_id FROM sessions WHERE organization_id = $1 AND id = $2", organization_id, session_id
    )
    return found


async def revoke_session(connection: Connection, organization_id: UUID, session_id: UUID, at: datetime) -> bool:
    """End a session; False if it had ended."""
    done = await connection.execute(
        "UPDATE sessions SET revoked_at = $3 WHERE organization_id = $1 AND id = $2 AND revoked_at IS NULL",
        organization_id,
        session_id,
        at,
    )
    return done != "UPDATE 0"


async def revoke_sessions(connection: Connection, organization_id: UUID, user_id: UUID, at: datetime) -> int:
    """End every session of a person; how many there were."""
    done = await connection.execute(
        "UPDATE sessions SET revoked_at = $3 WHERE organization_id = $1 AND user_id = $2 AND revoked_at IS NULL",
        organization_id,
        user_id,
        at,
    )
    return int(done.split()[-1])


async def sessions_of(
    connection: Connection, organization_id: UUID, user_id: UUID, after: Sequence[Any], limit: int
) -> list[Any]:
    """Return a person's sessions, the newest first. Index: ix_sessions_user."""
    return await connection.fetch(
        "SELECT id, user_id, host(ip_address) AS ip_address, user_agent, expires_at, refresh_expires_at, revoked_at, "
        "created_at FROM sessions WHERE organization_id = $1 AND user_id = $2 "
        "AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid)) "
        "ORDER BY created_at DESC, id DESC LIMIT $5",
        organization_id,
        user_id,
        *after,
        limit,
    )


# Keys.


async def add_api_key(connection: Connection, row: Sequence[Any]) -> None:
    """Write a key: organisation, id, person, agent, name, prefix, hash, scopes, end."""
    await connection.execute(
        "INSERT INTO api_keys (organization_id, id, user_id, agent_id, name, prefix, key_hash, scopes, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *row,
    )


async def use_api_key(connection: Connection, organization_id: UUID, api_key_id: UUID, at: datetime) -> None:
    """Remember that a key was used, to the minute."""
    await connection.execute(statement(PACKAGE, "use_api_key"), organization_id, api_key_id, at)


_API_KEYS = (
    "SELECT k.id, k.name, k.prefix, k.user_id, k.agent_id, k.scopes, k.expires_at, k.revoked_at, u.last_used_at, "
    "k.created_at FROM api_keys k LEFT JOIN api_key_uses u ON u.organization_id = k.organization_id "
    "AND u.api_key_id = k.id WHERE k.organization_id = $1 AND "
)


async def api_keys(
    connection: Connection, organization_id: UUID, user_id: UUID | None, after: Sequence[Any], limit: int
) -> list[Any]:
    """Return keys of the organisation, or of one person; newest first. Index: ix_api_keys_user, or the primary key."""
    return await connection.fetch(
        _API_KEYS + "($2::uuid IS NULL OR k.user_id = $2) "
        "AND ($3::timestamptz IS NULL OR (k.created_at, k.id) < ($3, $4::uuid)) "
        "ORDER BY k.created_at DESC, k.id DESC LIMIT $5",
        organization_id,
        user_id,
        *after,
        limit,
    )


async def api_key(connection: Connection, organization_id: UUID, key_id: UUID) -> Any:
    """Return one key of the organisation, or None. Index: uq_api_keys_organization_id_id."""
    return await connection.fetchrow(_API_KEYS + "k.id = $2", organization_id, key_id)


async def revoke_api_key(connection: Connection, organization_id: UUID, key_id: UUID, at: datetime) -> bool:
    """End a key; False if it had ended."""
    done = await connection.execute(
        "UPDATE api_keys SET revoked_at = $3 WHERE organization_id = $1 AND id = $2 AND revoked_at IS NULL",
        organization_id,
        key_id,
        at,
    )
    return done != "UPDATE 0"


async def revoke_api_keys(
    connection: Connection,
    organization_id: UUID,
    at: datetime,
    *,
    user_id: UUID | None = None,
    agent_id: UUID | None = None,
) -> int:
    """End every key of a person or of an agent; how many there were."""
    status = await connection.execute(
        "UPDATE api_keys SET revoked_at = $2 WHERE organization_id = $1 AND revoked_at IS NULL "
        "AND (user_id = $3 OR agent_id = $4)",
        organization_id,
        at,
        user_id,
        agent_id,
    )
    return int(status.split()[-1])


# Tokens of other services.


async def store_oauth_token(connection: Connection, row: Sequence[Any]) -> None:
    """Keep tokens: organisation, person, provider, two ciphertexts, id there, type, scopes, end."""
    await connection.execute(statement(PACKAGE, "store_oauth_token"), *row)


async def read_oauth_token(connection: Connection, organization_id: UUID, user_id: UUID, provider: str) -> Any:
    """Return a person's tokens of a provider, encrypted, or None."""
    return await connection.fetchrow(statement(PACKAGE, "read_oauth_token"), organization_id, user_id, provider)


async def replace_recovery_codes(
    connection: Connection, organization_id: UUID, user_id: UUID, hashes: Sequence[bytes]
) -> None:
    """Give a person other recovery codes, in place of those they had."""
    await connection.execute(
        "DELETE FROM recovery_codes WHERE organization_id = $1 AND user_id = $2", organization_id, user_id
    )
    await connection.execute(
        "INSERT INTO recovery_codes (organization_id, user_id, code_hash) SELECT $1, $2, h FROM unnest($3::bytea[]) h",
        organization_id,
        user_id,
        list(hashes),
    )


async def use_recovery_code(
    connection: Connection, organization_id: UUID, user_id: UUID, code_hash: bytes, now: datetime
) -> bool:
    """Use a recovery code; whether it is one that was not used."""
    used = await connection.execute(
        "UPDATE recovery_codes SET used_at = $4 WHERE organization_id = $1 AND user_id = $2 AND code_hash = $3 "
        "AND used_at IS NULL",
        organization_id,
        user_id,
        code_hash,
        now,
    )
    return used == "UPDATE 1"
