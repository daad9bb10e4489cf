"""Tables of graph: entities, the names they are found by, how they relate, where they are mentioned."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Computed,
    Float,
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

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, created

NOT_BLANK = "{column} ~ '[^[:space:]]'"


class EntityORM(Tenanted, Mutable, Base):
    """Somebody or something that is talked about."""

    __tablename__ = "entities"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("entities", "merged_into", ondelete="SET NULL"),
        CheckConstraint(NOT_BLANK.format(column="name"), name="name"),
        CheckConstraint(NOT_BLANK.format(column="entity_type"), name="entity_type"),
        CheckConstraint("mention_count >= 0", name="mention_count"),
        CheckConstraint("last_seen_at >= first_seen_at", name="last_seen_at"),
        CheckConstraint("merged_into IS NULL OR (merged_into <> id AND deleted_at IS NOT NULL)", name="merged_into"),
        # The generated key, not lower(name): lower() may leak what it sees, so a policy would keep it from the index.
        Index(
            "uq_entities_name",
            "organization_id",
            "user_id",
            "entity_type",
            "name_key",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_entities_type", "organization_id", "entity_type"),
        Index("ix_entities_user", "organization_id", "user_id"),
        Index("ix_entities_merged", "organization_id", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
        {"comment": "Who and what is talked about (seed 000)"},
    )

    user_id: Mapped[UUID | None] = mapped_column(comment="Whose knowledge it is; null: the whole organisation's")
    entity_type: Mapped[str] = mapped_column(
        String(50), comment="A free label: person, organization, project, location"
    )
    name: Mapped[str] = mapped_column(String(255))
    name_key: Mapped[str] = mapped_column(
        Text, Computed("lower(name::text)", persisted=True), comment="The name in lower case: what makes it unique"
    )
    aliases: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Other names; entity_names has them for look-ups"
    )
    description: Mapped[str | None] = mapped_column(Text)
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))
    mention_count: Mapped[int] = mapped_column(
        Integer, server_default=text("1"), comment="Mentions; a row written by hand counts as one"
    )
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    merged_into: Mapped[UUID | None] = mapped_column(comment="The entity that this one turned out to be")


class EntityNameORM(Base):
    """One name by which an entity is found."""

    __tablename__ = "entity_names"
    __table_args__ = (
        belongs_to("entities", "entity_id", ondelete="CASCADE"),
        {"comment": "Names and aliases of living entities, kept by trigger: equality of text is leakproof"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    name: Mapped[str] = mapped_column(Text, primary_key=True, comment="A name in lower case")
    entity_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)


class EntityRelationshipORM(Tenanted, Mutable, Base):
    """How one entity relates to another."""

    __tablename__ = "entity_relationships"
    __table_args__ = (
        belongs_to("entities", "source_entity_id", ondelete="CASCADE"),
        belongs_to("entities", "target_entity_id", ondelete="CASCADE"),
        CheckConstraint("source_entity_id <> target_entity_id", name="target_entity_id"),
        CheckConstraint("strength BETWEEN 0 AND 1", name="strength"),
        CheckConstraint(NOT_BLANK.format(column="relationship_type"), name="relationship_type"),
        Index(
            "uq_entity_relationships_target_entity_id",
            "organization_id",
            "source_entity_id",
            "target_entity_id",
            "relationship_type",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_entity_relationships_target",
            "organization_id",
            "target_entity_id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        {"comment": "How entities relate: from source to target (seed 000)"},
    )

    source_entity_id: Mapped[UUID] = mapped_column()
    target_entity_id: Mapped[UUID] = mapped_column(comment="Never the source itself")
    relationship_type: Mapped[str] = mapped_column(String(50), comment="A free label: works_at, knows, part_of")
    strength: Mapped[float] = mapped_column(Float, server_default=text("0.5"), comment="0 to 1")
    context: Mapped[str | None] = mapped_column(Text, comment="The words it was taken from")


class EntityMentionORM(Tenanted, Base):
    """One place where an entity is mentioned."""

    __tablename__ = "entity_mentions"
    __table_args__ = (
        belongs_to("entities", "entity_id", ondelete="CASCADE"),
        UniqueConstraint(
            "organization_id",
            "entity_id",
            "source_type",
            "source_id",
            "position",
            name="uq_entity_mentions_source_id",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("source_type IN ('memory', 'message', 'email', 'file')", name="source_type"),
        CheckConstraint("position >= 0", name="position"),
        Index("ix_entity_mentions_entity", "organization_id", "entity_id", text("created_at DESC"), text("id DESC")),
        Index("ix_entity_mentions_source", "organization_id", "source_type", "source_id"),
        {"comment": "Where entities are mentioned (seed 000)"},
    )

    entity_id: Mapped[UUID] = mapped_column()
    source_type: Mapped[str] = mapped_column(String(50), comment="memory, message, email or file")
    source_id: Mapped[UUID] = mapped_column(comment="No foreign key: sources rank above this domain")
    context: Mapped[str | None] = mapped_column(Text, comment="The words around it")
    position: Mapped[int | None] = mapped_column(Integer, comment="Characters before it in the source")
    created_at: Mapped[datetime] = created()
