"""Tables of identity: organizations (the root), users, teams and memberships.

Signing in is in models_access.py, roles and preferences in models_roles.py.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, created, json_object, native_enum
from mnemon.identity.models_access import (
    ApiKeyORM,
    ApiKeyUseORM,
    MfaDeviceORM,
    MfaType,
    OAuthTokenORM,
    SessionORM,
    UserCredentialsORM,
)
from mnemon.identity.models_roles import (
    DeviceORM,
    DevicePlatform,
    PermissionORM,
    RoleORM,
    RolePermissionORM,
    UserPreferencesORM,
    UserRoleORM,
)

__all__ = [
    "ApiKeyORM",
    "ApiKeyUseORM",
    "DeviceORM",
    "DevicePlatform",
    "MfaDeviceORM",
    "MfaType",
    "OAuthTokenORM",
    "OrganizationORM",
    "ParticipantNameORM",
    "PermissionORM",
    "RoleORM",
    "RolePermissionORM",
    "SessionORM",
    "TeamMembershipORM",
    "TeamORM",
    "UserCredentialsORM",
    "UserORM",
    "UserPreferencesORM",
    "UserRole",
    "UserRoleORM",
]

SLUG = "slug ~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$'"
EMAIL = r"email ~* '^[^@\s]+@[^@\s]+\.[^@\s]+$'"


class UserRole(enum.StrEnum):
    """A person's role in a team (seed 002)."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class OrganizationORM(Mutable, Base):
    """The tenant."""

    __tablename__ = "organizations"
    __tenanted__: ClassVar[bool] = False
    __table_args__ = (
        CheckConstraint("length(btrim(name)) > 0", name="name_not_blank"),
        CheckConstraint(SLUG, name="slug_format"),
        {"comment": "The root of tenancy: every other row belongs to one organisation (seeds 000, 003)"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    name: Mapped[str] = mapped_column(String(255), comment="The name people see")
    slug: Mapped[str | None] = mapped_column(String(100), comment="The name in settings and addresses")
    plan_type: Mapped[str] = mapped_column(String(50), server_default="free", comment="The plan it is on")
    settings: Mapped[dict[str, Any]] = json_object("Preferences of the organisation")


class UserORM(Mutable, Base):
    """A person."""

    __tablename__ = "users"
    __tenanted__: ClassVar[bool] = False
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "external_id"),
        Index("ix_users_created", "organization_id", "created_at", "id"),
        Index("ix_users_display_name", "organization_id", "display_name"),
        Index("ix_users_organization_id_status", "organization_id", "status"),
        Index("ix_users_organization_id_tier", "organization_id", "tier"),
        CheckConstraint(EMAIL, name="email_format"),
        CheckConstraint("email IS NOT NULL OR external_id IS NOT NULL", name="identified"),
        CheckConstraint("status IN ('active', 'suspended', 'deleted')", name="status"),
        CheckConstraint("tier IN ('free', 'pro', 'enterprise')", name="tier"),
        {"comment": "People. Global: an e-mail address is unique in the whole installation (seeds 000, 002, 003, 004)"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"),
        comment="The organisation; null for an operator of the installation",
    )
    external_id: Mapped[str | None] = mapped_column(
        String(255), comment="The caller's own string for the person; unique in the organisation"
    )
    email: Mapped[str | None] = mapped_column(
        String(255), comment="Unique regardless of case; null for people known by the caller's string only"
    )
    email_verified: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), comment="is_verified of 000")
    display_name: Mapped[str | None] = mapped_column(String(255), comment="The name shown, and known to recall")
    full_name: Mapped[str | None] = mapped_column(String(255))
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    avatar_url: Mapped[str | None] = mapped_column(String(500))
    timezone: Mapped[str] = mapped_column(
        String(50), server_default="", comment="IANA name; empty: nobody said, and the zone of the setting counts"
    )
    status: Mapped[str] = mapped_column(String(20), server_default="active", comment="active, suspended or deleted")
    tier: Mapped[str] = mapped_column(String(20), server_default="free", comment="free, pro or enterprise")
    last_login_at: Mapped[datetime | None] = mapped_column()
    metadata_: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="What the caller attached"
    )


class TeamORM(Tenanted, Mutable, Base):
    """A group of people and agents inside an organisation."""

    __tablename__ = "teams"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "owner_id", ondelete="SET NULL"),
        UniqueConstraint("organization_id", "slug"),
        CheckConstraint(SLUG, name="slug_format"),
        CheckConstraint("length(btrim(name)) > 0", name="name_not_blank"),
        CheckConstraint("conversation_retention_days > 0", name="conversation_retention_days"),
        Index("ix_teams_organization_id_owner_id", "organization_id", "owner_id"),
        {"comment": "Groups of people and agents (seeds 002, 003)"},
    )

    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(100), comment="Unique in the organisation")
    owner_id: Mapped[UUID | None] = mapped_column(comment="The person responsible")
    settings: Mapped[dict[str, Any]] = json_object("Preferences of the team")
    shared_skill_names: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Skills every agent of the team has"
    )
    webhook_url: Mapped[str | None] = mapped_column(Text)
    webhook_secret: Mapped[str | None] = mapped_column(Text, comment="Encrypted by the application")
    conversation_retention_days: Mapped[int] = mapped_column(
        Integer, server_default=text("90"), comment="Days a closed conversation is kept"
    )


class TeamMembershipORM(Tenanted, Base):
    """A person's place in a team."""

    __tablename__ = "team_memberships"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("teams", "team_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "user_id", "team_id"),
        Index("ix_team_memberships_organization_id_team_id", "organization_id", "team_id"),
        {"comment": "Who is in which team, as what (seed 002)"},
    )

    user_id: Mapped[UUID] = mapped_column()
    team_id: Mapped[UUID] = mapped_column()
    role: Mapped[UserRole] = mapped_column(native_enum(UserRole, "user_role"), server_default="member")
    created_at: Mapped[datetime] = created()


class ParticipantNameORM(Tenanted, Base):
    """One word by which recall knows a user, an agent or a speaker."""

    __tablename__ = "participant_names"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        UniqueConstraint(
            "organization_id",
            "name",
            "user_id",
            "agent_id",
            "speaker",
            name="uq_participant_names_word",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("num_nonnulls(user_id, agent_id, speaker) = 1", name="one_owner"),
        {"comment": "Words of participants' names, lower-case: recall takes them out of a question"},
    )

    name: Mapped[str] = mapped_column(String(100), comment="One word of the name, lower-case")
    user_id: Mapped[UUID | None] = mapped_column()
    agent_id: Mapped[UUID | None] = mapped_column(comment="No foreign key: agents rank above this domain")
    speaker: Mapped[str | None] = mapped_column(String(255), comment="The whole name of somebody known by name alone")
