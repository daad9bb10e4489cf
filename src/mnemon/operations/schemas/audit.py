"""What the verbs of the audit trail take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, IPvAnyAddress, StringConstraints

from mnemon.core.pages import PageRequest
from mnemon.core.text import JsonObject, Key, Moment, Schema, check_characters
from mnemon.operations.models_audit import AuditStatus
from mnemon.operations.schemas.base import Action, Name100


class AuditEvent(Schema):
    """Something to add to the trail that no row change tells: a sign-in, a refused access.

    Attributes:
        action: ``resource:verb``, such as ``sessions:create``.
        user_id: whom it is about, where nobody is signed in yet; otherwise the principal counts.
        metadata: what else should be known; secrets are taken out by the names of their keys.
    """

    action: Action
    resource_type: Name100 | None = None
    resource_id: Key | None = None
    status: AuditStatus = AuditStatus.SUCCESS
    error_message: Annotated[str, Field(max_length=10_000), AfterValidator(check_characters)] | None = None
    user_id: UUID | None = None
    metadata: JsonObject = Field(default_factory=dict)
    ip_address: IPvAnyAddress | None = None
    user_agent: Annotated[str, Field(max_length=1000), AfterValidator(check_characters)] | None = None
    session_id: UUID | None = None


class Audited(Schema):
    """The id of what was added to the trail."""

    id: UUID


class AuditQuery(PageRequest):
    """Which entries of the trail; newest first, a page at a time.

    Attributes:
        since: at or after this time.
        until: before this time.
    """

    action: Action | None = None
    resource_type: Name100 | None = None
    resource_id: Key | None = None
    user_id: UUID | None = None
    agent_id: UUID | None = None
    status: AuditStatus | None = None
    since: Moment | None = None
    until: Moment | None = None


class AuditEntry(Schema):
    """One entry of the trail: who did what to which thing, from where, and what it was and became."""

    id: UUID
    created_at: datetime
    user_id: UUID | None
    agent_id: UUID | None
    session_id: UUID | None
    action: str
    resource_type: str | None
    resource_id: str | None
    ip_address: str | None
    user_agent: str | None
    old_value: dict[str, Any]
    new_value: dict[str, Any]
    status: AuditStatus
    error_message: str | None
    metadata: dict[str, Any]


class SealAudit(Schema):
    """How many rows a block holds, about: a transaction is never split."""

    block_size: Annotated[int, Field(ge=1, le=100_000)] = 1000


class Sealed(Schema):
    """How many rows were sealed."""

    rows: int


class AuditAnchor(Schema):
    """The end of the chain as somebody wrote it down elsewhere: it shows that nothing was cut off.

    Attributes:
        number: the block's number.
        hash: its hash, 64 hexadecimal digits.
    """

    number: Annotated[int, Field(ge=1)]
    hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class VerifyAudit(Schema):
    """What to hold the trail against, beside itself."""

    anchor: AuditAnchor | None = None


class BrokenAudit(Schema):
    """The first thing in the trail that is not as it was sealed.

    Attributes:
        problem: ``changed`` (the row is not as it was), ``missing`` (it is gone before its time), ``inserted`` (it was
            put among sealed rows), ``erased`` (it is blank, and no signed receipt of an erasure says so), ``block``
            (the block's content was changed), ``chain`` (a block is gone or was put in between), ``unsigned`` (a block
            has no signature), ``signature`` (it is not that of this block), ``key`` (it was made with a key that is
            not here), ``anchor`` (the block that was written down elsewhere is not there).
        block: the block it belongs to.
        row_id: the row, None where a whole block is concerned.
    """

    problem: Literal[
        "changed", "missing", "inserted", "erased", "block", "chain", "unsigned", "signature", "key", "anchor"
    ]
    block: int | None
    row_id: UUID | None


class AuditVerification(Schema):
    """What the trail proves.

    Attributes:
        valid: every sealed row is as it was written, none is missing before its time and none was put in between.
        blocks: sealed blocks.
        sealed: rows that are sealed and there.
        expired: rows that retention dropped; their hashes stay in the chain.
        unsealed: rows that no block holds yet.
        sealed_until: ``created_at`` of the newest sealed row.
        broken: how many things are wrong.
        first_broken: the first of them.
        head: the end of the chain: to be written down elsewhere.
        anchors: blocks written down elsewhere that were looked for.
    """

    valid: bool
    blocks: int
    sealed: int
    expired: int
    unsealed: int
    sealed_until: datetime | None
    broken: int
    first_broken: BrokenAudit | None
    head: AuditAnchor | None
    anchors: int = 0
