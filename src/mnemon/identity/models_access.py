"""Tables of signing in: credentials, second factors, OAuth tokens, sessions, attempts, API keys.

Credentials, second factors, OAuth tokens, sessions and keys are global tables: they are looked up before any tenant is
known, by SECURITY DEFINER functions only (``sql/objects/20_access.sql``). They carry organization_id and a policy all
the same. Attempts to sign in are nobody's tenant's: an address that nobody has is counted like one that somebody has.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, created, native_enum

#: What core/crypto.py makes; a secret in the clear does not look like it.
ENCRYPTED = r"^v[0-9]+\.[0-9a-f]{8}\.[A-Za-z0-9_-]+$"
WORD = "^[a-z][a-z0-9_-]*$"
SCOPE = r"(\*|[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*)"


class MfaType(enum.StrEnum):
    """How a second factor reaches the person (REQ-T130)."""

    TOTP = "totp"
    SMS = "sms"


class Global:
    """A row that is found before its organisation is known: key of one column, tenant column and policy beside it."""

    __tenanted__: ClassVar[bool] = False

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), comment="The tenant that owns the row; never changes"
    )


def hashed(column: str) -> CheckConstraint:
    """Return a column that holds a SHA-256 and nothing else: a token cannot be stored in the clear by mistake."""
    return CheckConstraint(f"octet_length({column}) = 32", name=column)


def encrypted(column: str) -> CheckConstraint:
    """Return a column that holds ciphertext of ours and nothing else."""
    return CheckConstraint(f"{column} ~ '{ENCRYPTED}'", name=column)


class UserCredentialsORM(Global, Mutable, Base):
    """A person's password."""

    __tablename__ = "user_credentials"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "user_id"),
        CheckConstraint(r"password_hash ~ '^\$2[aby]\$(1[2-9]|2[0-9]|3[01])\$.{53}$'", name="password_hash"),
        {"comment": "Password hashes, apart from users (REQ-T122)"},
    )

    user_id: Mapped[UUID] = mapped_column()
    password_hash: Mapped[str] = mapped_column(String(255), comment="bcrypt, cost 12 or more")
    mfa_enabled: Mapped[bool] = mapped_column(
        Boolean, server_default=text("false"), comment="A second factor is asked for at sign-in"
    )
    password_changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MfaDeviceORM(Global, Mutable, Base):
    """A person's second factor."""

    __tablename__ = "mfa_devices"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "user_id", "name"),
        encrypted("secret_encrypted"),
        CheckConstraint("(type = 'sms') = (phone_number IS NOT NULL)", name="phone_number"),
        CheckConstraint(r"phone_number ~ '^\+[1-9][0-9]{6,14}$'", name="phone_number_format"),
        {"comment": "Second factors: TOTP and SMS (REQ-T130)"},
    )

    user_id: Mapped[UUID] = mapped_column()
    type: Mapped[MfaType] = mapped_column(native_enum(MfaType, "mfa_type"), server_default="totp")
    name: Mapped[str] = mapped_column(String(100), comment="The person's name for the device; unique for the person")
    secret_encrypted: Mapped[str] = mapped_column(Text, comment="Encrypted: the shared secret of RFC 6238")
    phone_number: Mapped[str | None] = mapped_column(String(20), comment="E.164; for SMS only")
    confirmed_at: Mapped[datetime | None] = mapped_column(comment="When a first code proved it; null: not in force yet")
    last_used_step: Mapped[int | None] = mapped_column(
        BigInteger, comment="The time step of the last code accepted: none is accepted twice"
    )


class RecoveryCodeORM(Tenanted, Base):
    """A code that stands for a second factor, once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "user_id", "code_hash", name="uq_recovery_codes_code_hash"),
        hashed("code_hash"),
        {"comment": "Codes that stand for a second factor, each once (REQ-T130)"},
    )

    user_id: Mapped[UUID] = mapped_column()
    code_hash: Mapped[bytes] = mapped_column(
        LargeBinary, comment="HMAC-SHA256 with a key that the database never sees: there are few codes"
    )
    used_at: Mapped[datetime | None] = mapped_column(comment="When it was used; null: it may be")
    created_at: Mapped[datetime] = created()


class OAuthTokenORM(Global, Mutable, Base):
    """A person's tokens at somebody else's service."""

    __tablename__ = "oauth_tokens"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "user_id", "provider"),
        encrypted("access_token_encrypted"),
        encrypted("refresh_token_encrypted"),
        CheckConstraint(f"provider ~ '{WORD}'", name="provider"),
        Index("ix_oauth_tokens_expires", "expires_at"),
        {"comment": "OAuth tokens by which people sign in with other services (REQ-T129)"},
    )

    user_id: Mapped[UUID] = mapped_column()
    provider: Mapped[str] = mapped_column(String(50), comment="google, microsoft, github, ...; one token a provider")
    provider_user_id: Mapped[str | None] = mapped_column(String(255), comment="The person's id there")
    token_type: Mapped[str] = mapped_column(String(50), server_default="Bearer")
    access_token_encrypted: Mapped[str] = mapped_column(Text, comment="Encrypted by the application")
    refresh_token_encrypted: Mapped[str | None] = mapped_column(Text, comment="Encrypted by the application")
    scopes: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="As the service has them"
    )
    expires_at: Mapped[datetime | None] = mapped_column(comment="When the access token expires, if it does")


class SessionORM(Global, Base):
    """A person signed in on one device."""

    __tablename__ = "sessions"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        UniqueConstraint("token_hash"),
        UniqueConstraint("refresh_token_hash"),
        hashed("token_hash"),
        hashed("refresh_token_hash"),
        hashed("previous_refresh_token_hash"),
        CheckConstraint("refresh_expires_at >= expires_at", name="refresh_expires_at"),
        Index("ix_sessions_user", "organization_id", "user_id"),
        Index(
            "ix_sessions_previous_refresh",
            "previous_refresh_token_hash",
            postgresql_where=text("previous_refresh_token_hash IS NOT NULL"),
        ),
        Index("ix_sessions_expires", "expires_at", postgresql_where=text("revoked_at IS NULL")),
        {"comment": "Sign-in sessions (REQ-T123); conversations' sessions are conversation_sessions"},
    )

    user_id: Mapped[UUID] = mapped_column()
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of the access token")
    refresh_token_hash: Mapped[bytes | None] = mapped_column(LargeBinary, comment="SHA-256 of the refresh token")
    previous_refresh_token_hash: Mapped[bytes | None] = mapped_column(
        LargeBinary,
        comment="The last one that did not name its session, as those before 0010; whoever shows it has a stolen copy",
    )
    ip_address: Mapped[str | None] = mapped_column(INET)
    user_agent: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(comment="When the access token expires")
    refresh_expires_at: Mapped[datetime | None] = mapped_column(comment="When the refresh token expires")
    revoked_at: Mapped[datetime | None] = mapped_column(comment="When it was ended; null: not ended")
    created_at: Mapped[datetime] = created()


class SignInAttemptORM(Base):
    """How often somebody's password or second factor was guessed at, or from somewhere."""

    __tablename__ = "sign_in_attempts"
    __tenanted__: ClassVar[bool] = False
    __table_args__ = (
        hashed("subject"),
        CheckConstraint("password_failures >= 0", name="password_failures"),
        CheckConstraint("factor_failures >= 0", name="factor_failures"),
        Index("ix_sign_in_attempts_last", "last_at"),
        {"comment": "Guesses at passwords and second factors, by person and by address; the installation's, for a day"},
    )

    subject: Mapped[bytes] = mapped_column(
        LargeBinary, primary_key=True, comment="Keyed hash of the person or the address"
    )
    password_failures: Mapped[int] = mapped_column(
        Integer, server_default=text("0"), comment="Passwords tried and not found right"
    )
    factor_failures: Mapped[int] = mapped_column(
        Integer, server_default=text("0"), comment="Codes of second factors tried and not found right"
    )
    last_at: Mapped[datetime] = mapped_column(
        comment="When the last one was counted; the counts go down with the time since then"
    )
    blocked_until: Mapped[datetime | None] = mapped_column(comment="Nothing is compared before this moment")


class ApiKeyORM(Global, Base):
    """A key by which a program works for a person or as an agent."""

    __tablename__ = "api_keys"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        # From a global table to a tenant's: a distributed database leaves this one out.
        belongs_to("agents", "agent_id", ondelete="CASCADE"),
        UniqueConstraint("key_hash"),
        UniqueConstraint("organization_id", "id"),
        hashed("key_hash"),
        CheckConstraint("(user_id IS NULL) <> (agent_id IS NULL)", name="one_owner"),
        CheckConstraint("length(btrim(name)) > 0", name="name_not_blank"),
        CheckConstraint(f"array_to_string(scopes, ' ', '') ~ '^({SCOPE}( {SCOPE})*)?$'", name="scopes"),
        Index("ix_api_keys_user", "organization_id", "user_id"),
        Index("ix_api_keys_agent", "organization_id", "agent_id"),
        Index("ix_api_keys_expires", "expires_at", postgresql_where=text("revoked_at IS NULL")),
        {"comment": "API keys of people and of agents (REQ-T124, seed 003)"},
    )

    user_id: Mapped[UUID | None] = mapped_column(comment="The person it works for, or")
    agent_id: Mapped[UUID | None] = mapped_column(comment="the agent it works as; one of the two")
    name: Mapped[str] = mapped_column(String(255), comment="What it is for")
    prefix: Mapped[str] = mapped_column(String(32), comment="Its first characters, shown in lists")
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of the key; the key itself is shown once")
    scopes: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        server_default=text("'{}'"),
        comment="Permissions it may use, of those its owner has; * for all of them, empty for none",
    )
    expires_at: Mapped[datetime | None] = mapped_column()
    revoked_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = created()


class ApiKeyUseORM(Base):
    """When a key was last used."""

    __tablename__ = "api_key_uses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "api_key_id"], ["api_keys.organization_id", "api_keys.id"], ondelete="CASCADE"
        ),
        {"comment": "Last use of API keys, apart from them: they are looked up with every request and written rarely"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    api_key_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="To the minute")
