"""Tables of what a person may do and prefers: roles and permissions, preferences, devices."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, created, native_enum
from mnemon.identity.models_access import WORD

MEMORY_TYPES = (
    "ARRAY['semantic', 'episodic', 'procedural', 'agent_private', 'shared', 'identity', 'user_profile']::text[]"
)


class DevicePlatform(enum.StrEnum):
    """Where push notifications go (seed 000)."""

    IOS = "ios"
    ANDROID = "android"
    WEB = "web"


class RoleORM(Tenanted, Mutable, Base):
    """A named set of permissions, with those of its parent."""

    __tablename__ = "roles"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("roles", "parent_role_id", ondelete="SET NULL"),
        CheckConstraint("length(btrim(name)) > 0", name="name_not_blank"),
        # The trigger refuse_role_cycle raises the same constraint for a longer way round.
        CheckConstraint("parent_role_id <> id", name="parent_role_id"),
        Index(
            "uq_roles_organization_id_name",
            "organization_id",
            "name",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_roles_parent", "organization_id", "parent_role_id"),
        {"comment": "Roles (REQ-T125); the system's own are rows of every organisation that uses roles"},
    )

    name: Mapped[str] = mapped_column(String(100), comment="Unique among the organisation's living roles")
    description: Mapped[str | None] = mapped_column(Text)
    is_system: Mapped[bool] = mapped_column(
        Boolean, server_default=text("false"), comment="Made by Mnemon: owner, admin, member, viewer; not to be changed"
    )
    parent_role_id: Mapped[UUID | None] = mapped_column(comment="The role whose permissions this one has as well")


class PermissionORM(Base):
    """Something that may be done to something."""

    __tablename__ = "permissions"
    __tenanted__: ClassVar[bool] = False
    __table_args__ = (
        UniqueConstraint("resource", "action"),
        CheckConstraint(f"resource ~ '{WORD}'", name="resource"),
        CheckConstraint(f"action ~ '{WORD}'", name="action"),
        {"comment": "The fixed catalogue of permissions (REQ-T126): the same for every organisation, read-only"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    resource: Mapped[str] = mapped_column(String(50))
    action: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(
        Text, Computed("resource::text || ':' || action::text", persisted=True), comment="resource:action"
    )
    description: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = created()


class RolePermissionORM(Base):
    """A permission of a role."""

    __tablename__ = "role_permissions"
    __table_args__ = (
        belongs_to("roles", "role_id", ondelete="CASCADE"),
        ForeignKeyConstraint(["permission_id"], ["permissions.id"], ondelete="CASCADE"),
        Index("ix_role_permissions_permission", "organization_id", "permission_id"),
        {"comment": "What a role may do by itself (REQ-T127); role_permission_names shows it as 000 has it"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    role_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    permission_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    created_at: Mapped[datetime] = created()


class UserRoleORM(Base):
    """A role of a person."""

    __tablename__ = "user_roles"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("roles", "role_id", ondelete="CASCADE"),
        belongs_to("users", "granted_by", ondelete="SET NULL"),
        Index("ix_user_roles_role", "organization_id", "role_id"),
        {"comment": "Who has which role, until when (REQ-T128)"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    user_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    role_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    granted_by: Mapped[UUID | None] = mapped_column(comment="The person who gave it, if one did")
    granted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(comment="When it ends; null: it does not")


class UserPreferencesORM(Tenanted, Mutable, Base):
    """What a person prefers."""

    __tablename__ = "user_preferences"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "user_id"),
        CheckConstraint("max_memories_per_request BETWEEN 1 AND 100", name="max_memories_per_request"),
        CheckConstraint(f"excluded_memory_types <@ {MEMORY_TYPES}", name="excluded_memory_types"),
        CheckConstraint("theme IN ('system', 'light', 'dark')", name="theme"),
        CheckConstraint("language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'", name="language"),
        {"comment": "Preferences of people (seed 000)"},
    )

    user_id: Mapped[UUID] = mapped_column()
    auto_include_memories: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    max_memories_per_request: Mapped[int] = mapped_column(Integer, server_default=text("5"), comment="1 to 100")
    auto_extract_from_chat: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    excluded_memory_types: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Memory types that are never brought into a prompt"
    )
    email_notifications: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    push_notifications: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    theme: Mapped[str] = mapped_column(String(20), server_default="system", comment="system, light or dark")
    language: Mapped[str] = mapped_column(String(10), server_default="en", comment="BCP 47")


class DeviceORM(Tenanted, Mutable, Base):
    """A device that receives push notifications."""

    __tablename__ = "devices"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "user_id", "device_token"),
        CheckConstraint("octet_length(device_token) BETWEEN 1 AND 2048", name="device_token"),
        Index("ix_devices_active", "organization_id", "user_id", postgresql_where=text("is_active")),
        {"comment": "Devices for push notifications (seed 000)"},
    )

    user_id: Mapped[UUID] = mapped_column()
    device_token: Mapped[str] = mapped_column(Text, comment="What the push service calls the device; at most 2 KB")
    platform: Mapped[DevicePlatform] = mapped_column(native_enum(DevicePlatform, "device_platform"))
    device_name: Mapped[str | None] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
