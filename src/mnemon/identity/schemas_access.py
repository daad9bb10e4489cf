"""What goes into access and what comes out: passwords, second factors, sessions, keys, roles and permissions."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from mnemon.core.pages import PageRequest
from mnemon.core.principal import Principal
from mnemon.core.text import Key, Label, Label100, Moment, Schema, check_characters
from mnemon.identity.schemas import Name, Password

Address = IPv4Address | IPv6Address
Permission = Annotated[str, Field(max_length=101, pattern=r"^[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*$")]
Scope = Annotated[str, Field(max_length=101, pattern=r"^(\*|[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*)$")]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=16_384)]
Provider = Annotated[str, Field(max_length=50, pattern=r"^[a-z][a-z0-9_-]*$")]
Text = Annotated[str, Field(max_length=2000), AfterValidator(check_characters)]


class PasswordSet(Schema):
    """A password to be set; every session of the person ends.

    Attributes:
        current_password: needed of a person who changes their own.
        ip_address: where it comes from; guesses at the current password are counted by it too.
    """

    user_id: UUID
    password: Password
    current_password: SecretStr | None = None
    ip_address: Address | None = None


class PasswordCheck(Schema):
    """An e-mail address and a password, as somebody typed them.

    Attributes:
        ip_address: where they come from, as the door sees it; attempts are counted by it too.
    """

    email: Annotated[str, Field(max_length=255)]
    password: SecretStr
    ip_address: Address | None = None


class KnownUser(Schema):
    """The person a password belongs to.

    Attributes:
        mfa_required: a second factor is to be asked for before a session is started.
    """

    user_id: UUID
    organization_id: UUID
    mfa_required: bool


class TotpEnrol(Schema):
    """An authenticator app to be set up."""

    user_id: UUID
    name: Annotated[Name, Field(max_length=100)] = "authenticator"


class TotpEnrolment(Schema):
    """What the app needs, shown once; the device counts when a first code has proved it."""

    device_id: UUID
    secret: SecretStr
    uri: SecretStr


class TotpCheck(Schema):
    """A code off the person's app.

    Attributes:
        ip_address: where it comes from, as the door sees it; attempts are counted by it too.
    """

    user_id: UUID
    code: Annotated[str, Field(pattern=r"^\s*(\d\s*){6}$", max_length=20)]
    ip_address: Address | None = None


class MfaVerified(Schema):
    """A code was right.

    Attributes:
        confirmed: it was the device's first, and a second factor is asked for from now on.
    """

    device_id: UUID
    confirmed: bool


class MfaDeviceRef(Schema):
    """A second factor, by id."""

    device_id: UUID


class MfaDevice(Schema):
    """A second factor, without its secret."""

    id: UUID
    user_id: UUID
    type: str
    name: str
    confirmed_at: datetime | None


class OAuthTokenStore(Schema):
    """Tokens of another service, to be kept encrypted; one set a person and provider."""

    user_id: UUID
    provider: Provider
    access_token: Secret
    refresh_token: Secret | None = None
    provider_user_id: Key | None = None
    token_type: Annotated[Label, Field(max_length=50)] = "Bearer"  # noqa: S105 - a kind of token, no secret
    scopes: tuple[Label, ...] = Field(default=(), max_length=200)
    expires_at: Moment | None = None


class OAuthTokenRef(Schema):
    """Tokens of another service, by person and provider."""

    user_id: UUID
    provider: Provider


class OAuthToken(Schema):
    """Tokens of another service, readable.

    Attributes:
        expired: the access token is not to be used any more.
    """

    id: UUID
    user_id: UUID
    provider: str
    provider_user_id: str | None
    token_type: str
    access_token: SecretStr
    refresh_token: SecretStr | None
    scopes: tuple[str, ...]
    expires_at: datetime | None
    expired: bool
    version: int


class SessionStart(Schema):
    """A person to be signed in, whose password and second factor have been checked.

    Attributes:
        access_minutes: how long the access token lasts.
        refresh_days: how long the session can be prolonged without signing in again.
    """

    user_id: UUID
    ip_address: Address | None = None
    user_agent: Text | None = None
    access_minutes: int = Field(default=60, ge=1, le=1440)
    refresh_days: int = Field(default=30, ge=1, le=365)


class SessionTokens(Schema):
    """The tokens of a session, shown once: only their hashes are kept."""

    session_id: UUID
    access_token: SecretStr
    refresh_token: SecretStr
    expires_at: datetime
    refresh_expires_at: datetime


class Token(Schema):
    """A token or a key, as somebody presents it."""

    token: Annotated[SecretStr, Field(min_length=1, max_length=500)]


class SessionRefresh(Token):
    """A refresh token, to be exchanged for new tokens."""

    access_minutes: int = Field(default=60, ge=1, le=1440)
    refresh_days: int = Field(default=30, ge=1, le=365)


class SessionRef(Schema):
    """A session, by id."""

    session_id: UUID


class Session(Schema):
    """Where a person is signed in."""

    id: UUID
    user_id: UUID
    ip_address: str | None
    user_agent: str | None
    expires_at: datetime
    refresh_expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


class Authenticated(Schema):
    """Whom a token or a key belongs to, and what may be done with it.

    Attributes:
        session_id: the session, or None for a key.
        api_key_id: the key, or None for a session.
        permissions: what its owner may do, less what a key's scopes leave out.
    """

    organization_id: UUID
    user_id: UUID | None
    agent_id: UUID | None
    session_id: UUID | None
    api_key_id: UUID | None
    team_ids: frozenset[UUID]
    permissions: frozenset[str]

    @property
    def principal(self) -> Principal:
        """The principal that verbs run as."""
        return Principal(self.organization_id, self.user_id, self.agent_id, self.team_ids, self.permissions)


class ApiKeyCreate(Schema):
    """A key to be made, for a person or for an agent.

    Attributes:
        scopes: permissions it may use, of those its owner has; ``*`` for all of them, empty for none.
    """

    name: Name
    user_id: UUID | None = None
    agent_id: UUID | None = None
    scopes: tuple[Scope, ...] = Field(default=(), max_length=500)
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _one_owner(self) -> ApiKeyCreate:
        if (self.user_id is None) == (self.agent_id is None):
            raise PydanticCustomError("one_owner", "a key belongs to a person or to an agent: give one of the two")
        return self


class ApiKey(Schema):
    """A key, as it is listed."""

    id: UUID
    name: str
    prefix: str
    user_id: UUID | None
    agent_id: UUID | None
    scopes: tuple[str, ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class ListApiKeys(PageRequest):
    """Which keys to list: a person's, or all of the organisation's."""

    user_id: UUID | None = None


class NewApiKey(Schema):
    """A key that was made; ``key`` is shown here and never again."""

    id: UUID
    prefix: str
    key: SecretStr


class ApiKeyRef(Schema):
    """A key, by id."""

    api_key_id: UUID


class RoleCreate(Schema):
    """A role to be made.

    Attributes:
        parent: name of the role whose permissions it has as well.
        permissions: its own, ``resource:action`` of the catalogue.
    """

    name: Annotated[Name, Field(max_length=100)]
    description: Text | None = None
    parent: Label | None = None
    permissions: tuple[Permission, ...] = Field(default=(), max_length=500)


class RoleUpdate(Schema):
    """What is to be changed of a role; what is not given stays.

    Attributes:
        parent: name of the new parent; an empty string: none from now on.
    """

    id: UUID
    expected_version: int | None = Field(default=None, ge=1)
    name: Name | None = Field(default=None, max_length=100)
    description: Text | None = None
    parent: Label100 | Literal[""] | None = None


class RoleRef(Schema):
    """A role, by name."""

    role: Label


class RoleGrant(Schema):
    """Permissions to be given to a role, or taken from it."""

    role: Label
    permissions: tuple[Permission, ...] = Field(min_length=1, max_length=500)


class RoleAssign(Schema):
    """A role to be given to a person, until a moment or for good."""

    user_id: UUID
    role: Label
    expires_at: Moment | None = None


class Role(Schema):
    """A role with its own permissions; its parent's are not repeated."""

    id: UUID
    name: str
    description: str | None
    is_system: bool
    parent_role_id: UUID | None
    permissions: tuple[str, ...]
    version: int


class UserRole(Schema):
    """A role of a person."""

    user_id: UUID
    role: str
    granted_by: UUID | None
    granted_at: datetime
    expires_at: datetime | None


class PermissionCheck(Schema):
    """Whether a person may do something."""

    user_id: UUID
    permission: Permission
