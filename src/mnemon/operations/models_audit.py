"""Tables of the audit trail: its entries, and the chain of blocks that seals them."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Tenanted, json_object, native_enum

_NEWEST = text('"timestamp" DESC')


class AuditStatus(enum.StrEnum):
    """How what is audited ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"


class AuditLogORM(Tenanted, Base):
    """One change or event, as it was: append-only, sealed in blocks.

    No foreign keys: the trail outlives what it tells of.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index("ix_audit_logs_created", "organization_id", text("created_at DESC")),
        Index("ix_audit_logs_user", "organization_id", "user_id", text("created_at DESC")),
        Index("ix_audit_logs_action", "organization_id", "action", text("created_at DESC")),
        Index("ix_audit_logs_resource", "organization_id", "resource_type", "resource_id", text("created_at DESC")),
        Index("ix_audit_logs_transaction", "organization_id", "transaction_id"),
        {
            "comment": "Who changed what, from where; append-only, without foreign keys (000, 004: REQ-T106, T135)",
            "postgresql_partition_by": "RANGE (created_at)",
            "info": {"partition": {"column": "created_at", "every": "month", "retention_days": 2555}},
        },
    )

    created_at: Mapped[datetime] = mapped_column(
        primary_key=True,
        sort_order=1,  # after organization_id and id in the key
        server_default=func.clock_timestamp(),
        comment="When it happened (timestamp of 000)",
    )
    transaction_id: Mapped[int] = mapped_column(
        BigInteger,
        server_default=text("((pg_current_xact_id())::text)::bigint"),
        comment="The transaction that wrote it: a block holds finished transactions only, so it misses none",
    )
    user_id: Mapped[UUID | None] = mapped_column(comment="The person who did it")
    agent_id: Mapped[UUID | None] = mapped_column(comment="The agent who did it")
    session_id: Mapped[UUID | None] = mapped_column(comment="The sign-in session it was done in")
    action: Mapped[str] = mapped_column(String(100), comment="resource:verb, such as agents:update")
    resource_type: Mapped[str | None] = mapped_column(String(100), comment="The table, or what the service named")
    resource_id: Mapped[str | None] = mapped_column(String(255), comment="Null where one row tells of many")
    ip_address: Mapped[str | None] = mapped_column(INET, comment="Where the request came from")
    user_agent: Mapped[str | None] = mapped_column(Text)
    old_value: Mapped[dict[str, Any]] = json_object("Before: what an update changed, or all of a deleted row")
    new_value: Mapped[dict[str, Any]] = json_object("After: what an update changed, or all of a new row; no secrets")
    status: Mapped[AuditStatus] = mapped_column(native_enum(AuditStatus, "audit_status"), server_default="success")
    error_message: Mapped[str | None] = mapped_column(Text)
    metadata_: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="The reason given, and what the service added"
    )


class AuditBlockORM(Base):
    """A sealed stretch of the audit trail: the hash of each row, chained to the block before."""

    __tablename__ = "audit_blocks"
    __tenanted__: ClassVar[bool] = True
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "cardinality(row_ids) = cardinality(row_hashes) AND cardinality(row_ids) = cardinality(row_times)",
            name="row_hashes",
        ),
        CheckConstraint("cardinality(row_kept_hashes) IN (0, cardinality(row_ids))", name="row_kept_hashes"),
        CheckConstraint("(mac IS NULL) = (mac_key IS NULL)", name="mac"),
        Index("ix_audit_blocks_unsigned", "organization_id", "number", postgresql_where=text("mac IS NULL")),
        {"comment": "The hash chain over audit_logs; keeps a row's hash when retention dropped the row (REQ-T135)"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, comment="From 1, no gaps")
    era: Mapped[int] = mapped_column(
        Integer,
        server_default=text("0"),
        comment="Grows when the server counts its transactions anew, as after a logical restore",
    )
    upper_transaction: Mapped[int] = mapped_column(
        BigInteger, comment="Every row of a transaction below this is in this block or in one before it"
    )
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary, comment="hash of the block before; 32 zeros in the first")
    hash: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 over the previous hash and all below")
    row_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default=text("'{}'"))
    row_hashes: Mapped[list[bytes]] = mapped_column(
        ARRAY(LargeBinary), server_default=text("'{}'"), comment="SHA-256 of each row"
    )
    row_times: Mapped[list[datetime]] = mapped_column(
        ARRAY(AuditLogORM.__table__.c.created_at.type), server_default=text("'{}'"), comment="created_at of each row"
    )
    row_count: Mapped[int] = mapped_column(Integer, Computed("cardinality(row_ids)", persisted=True))
    sealed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    row_kept_hashes: Mapped[list[bytes]] = mapped_column(
        ARRAY(LargeBinary),
        server_default=text("'{}'"),
        comment="SHA-256 of what stays of each row when it is erased",
    )
    mac: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="The process's signature: HMAC-SHA256 over the block"
    )
    mac_key: Mapped[bytes | None] = mapped_column(LargeBinary, comment="Which key of the installation signed it")
