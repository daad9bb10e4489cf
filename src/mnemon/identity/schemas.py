"""What goes into identity and what comes out: people, teams, preferences, devices. Access is in schemas_access.py."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from mnemon.core import crypto, times
from mnemon.core.pages import PageRequest
from mnemon.core.slugs import SLUG
from mnemon.core.text import JsonObject, Label, Label100, Schema, check_characters, trimmed
from mnemon.identity.models import DevicePlatform, UserRole

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _email(value: str) -> str:
    value = trimmed(value)
    if not _EMAIL.fullmatch(value):
        raise PydanticCustomError("email", "that is not an e-mail address")
    return check_characters(value)


def _slug(value: str) -> str:
    if not SLUG.fullmatch(value):
        raise PydanticCustomError(
            "slug", "a slug has lower-case letters, digits and hyphens, two or more, no hyphen at either end"
        )
    return value


def _password(value: SecretStr) -> SecretStr:
    problem = crypto.password_problem(value.get_secret_value())
    if problem is not None:
        raise PydanticCustomError(problem[0], problem[1])
    return value


def _zone(value: str) -> str:
    try:
        times.zone(value)
    except ValueError as error:
        raise PydanticCustomError("timezone", "{problem}", {"problem": str(error)}) from None
    return value


Email = Annotated[str, Field(max_length=255), AfterValidator(_email)]
Slug = Annotated[str, Field(max_length=100), AfterValidator(_slug)]
Name = Label
Skill = Label100
Password = Annotated[SecretStr, AfterValidator(_password)]
Url = Annotated[str, Field(max_length=500, pattern=r"^https?://\S+$"), AfterValidator(check_characters)]
Timezone = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(_zone)]
Language = Annotated[str, Field(max_length=10, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
MemoryType = Literal["semantic", "episodic", "procedural", "agent_private", "shared", "identity", "user_profile"]
UserStatus = Literal["active", "suspended", "deleted"]
Tier = Literal["free", "pro", "enterprise"]


class UserCreate(Schema):
    """A person to be made (seed 002 FR-9).

    Attributes:
        email: unique in the installation, whatever its case.
        password: 10 characters to 72 bytes, none that everybody tries; without one the person signs in otherwise.
        display_name: the name shown, and known to recall.
        external_id: the caller's own string for the person; unique in the organisation.
        timezone: IANA name of the zone that the person lives in; the setting's, if nobody says.
    """

    email: Email
    password: Password | None = None
    display_name: Name | None = None
    full_name: Name | None = None
    first_name: Name | None = Field(default=None, max_length=100)
    last_name: Name | None = Field(default=None, max_length=100)
    avatar_url: Url | None = None
    timezone: Timezone | None = None
    tier: Tier = "free"
    external_id: Label | None = None
    metadata: JsonObject = Field(default_factory=dict)


class UserUpdate(Schema):
    """What is to be changed of a person; what is not given stays.

    Attributes:
        id: the person.
        expected_version: the version that was read; another one is a Conflict.
        status: active, suspended (cannot sign in, keys and sessions find nobody) or deleted.
    """

    id: UUID
    expected_version: int | None = Field(default=None, ge=1)
    email: Email | None = None
    display_name: Name | None = None
    full_name: Name | None = None
    first_name: Name | None = Field(default=None, max_length=100)
    last_name: Name | None = Field(default=None, max_length=100)
    avatar_url: Url | None = None
    timezone: Timezone | None = None
    status: UserStatus | None = None
    tier: Tier | None = None
    metadata: JsonObject | None = None


class User(Schema):
    """A person, as they are."""

    id: UUID
    organization_id: UUID
    external_id: str | None
    email: str | None
    email_verified: bool
    display_name: str | None
    full_name: str | None
    first_name: str | None
    last_name: str | None
    avatar_url: str | None
    timezone: Annotated[str | None, BeforeValidator(lambda said: said or None)]
    status: str
    tier: str
    last_login_at: datetime | None
    metadata: JsonObject = Field(validation_alias="metadata_")
    version: int
    created_at: datetime
    updated_at: datetime


class TimezoneSet(Schema):
    """In which time zone a person lives.

    Attributes:
        user: the caller's own string for the person.
        timezone: IANA name, such as Europe/Berlin; None: that of the setting.
    """

    user: Label
    timezone: Timezone | None


class TimezonesOf(Schema):
    """Whose time zones are wanted, by the caller's own strings."""

    users: tuple[Label, ...] = Field(max_length=10_000)


class TimezoneOf(Schema):
    """The time zone of a person, by the caller's own string."""

    user: str
    timezone: str


class UserRef(Schema):
    """A person, by id."""

    user_id: UUID


class ListTeamMembers(PageRequest):
    """Which page of a team's members."""

    team_id: UUID


class ListOfUser(PageRequest):
    """Which page of what a person has: sessions, devices, second factors, roles."""

    user_id: UUID


class TeamCreate(Schema):
    """A team to be made (seed 002 FR-9).

    Attributes:
        slug: unique in the organisation.
        owner_id: the person responsible, who becomes its first member as owner.
        shared_skill_names: skills every agent of the team has.
        webhook_secret: kept encrypted; needs MNEMON_SECRET_KEY.
        conversation_retention_days: days a closed conversation is kept.
    """

    name: Name
    slug: Slug
    owner_id: UUID | None = None
    settings: JsonObject = Field(default_factory=dict)
    shared_skill_names: tuple[Skill, ...] = Field(default=(), max_length=1000)
    webhook_url: Url | None = None
    webhook_secret: SecretStr | None = Field(default=None, min_length=1, max_length=1000)
    conversation_retention_days: int = Field(default=90, ge=1, le=36500)


class TeamUpdate(Schema):
    """What is to be changed of a team; what is not given stays."""

    id: UUID
    expected_version: int | None = Field(default=None, ge=1)
    name: Name | None = None
    owner_id: UUID | None = None
    settings: JsonObject | None = None
    shared_skill_names: tuple[Skill, ...] | None = Field(default=None, max_length=1000)
    webhook_url: Url | None = None
    webhook_secret: SecretStr | None = Field(default=None, min_length=1, max_length=1000)
    conversation_retention_days: int | None = Field(default=None, ge=1, le=36500)


class Team(Schema):
    """A team, as it is; its webhook's secret is never shown."""

    id: UUID
    organization_id: UUID
    name: str
    slug: str
    owner_id: UUID | None
    settings: JsonObject
    shared_skill_names: tuple[str, ...]
    webhook_url: str | None
    conversation_retention_days: int
    version: int
    created_at: datetime
    updated_at: datetime


class TeamRef(Schema):
    """A team, by id."""

    team_id: UUID


class TeamMember(Schema):
    """A person to be made a member of a team, or to have another role in it."""

    team_id: UUID
    user_id: UUID
    role: UserRole = UserRole.MEMBER


class TeamMembership(Schema):
    """A person's place in a team (seed 002 FR-9)."""

    id: UUID
    team_id: UUID
    user_id: UUID
    role: UserRole
    created_at: datetime


class Preferences(Schema):
    """What a person prefers (seed 000).

    Attributes:
        max_memories_per_request: 1 to 100.
        excluded_memory_types: never brought into a prompt.
        version: 0 while nothing was ever set.
    """

    user_id: UUID
    auto_include_memories: bool = True
    max_memories_per_request: int = 5
    auto_extract_from_chat: bool = False
    excluded_memory_types: tuple[str, ...] = ()
    email_notifications: bool = True
    push_notifications: bool = True
    theme: str = "system"
    language: str = "en"
    version: int = 0


class PreferencesSet(Schema):
    """Preferences to be set; what is not given stays."""

    user_id: UUID
    expected_version: int | None = Field(default=None, ge=1)
    auto_include_memories: bool | None = None
    max_memories_per_request: int | None = Field(default=None, ge=1, le=100)
    auto_extract_from_chat: bool | None = None
    excluded_memory_types: tuple[MemoryType, ...] | None = None
    email_notifications: bool | None = None
    push_notifications: bool | None = None
    theme: Literal["system", "light", "dark"] | None = None
    language: Language | None = None


class DeviceRegister(Schema):
    """A device that is to receive push notifications; registering it again makes it active again."""

    user_id: UUID
    device_token: Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[\x21-\x7e]+$")]
    platform: DevicePlatform
    device_name: Label | None = None


class DeviceRef(Schema):
    """A device, by id."""

    device_id: UUID


class Device(Schema):
    """A device that receives push notifications while it is active."""

    id: UUID
    user_id: UUID
    device_token: str
    platform: DevicePlatform
    device_name: str | None
    is_active: bool
    last_used_at: datetime
    version: int
