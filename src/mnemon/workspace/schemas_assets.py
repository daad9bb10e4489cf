"""What goes into files and what comes out: the same for every door."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from mnemon.core.pages import PageRequest
from mnemon.core.text import Schema
from mnemon.workspace.schemas import Name

#: Bytes of a file that travels inside JSON; a larger one is streamed.
INLINE = 8 * 1024 * 1024

_PART = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"
MediaType = Annotated[str, StringConstraints(max_length=255, pattern=rf"^{_PART}/{_PART}\z"), AfterValidator(str.lower)]


def _decoded(value: object) -> object:
    """Decode what JSON has as base64; bytes are what they are."""
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise PydanticCustomError("base64", "bytes are base64 in JSON, with the padding") from None


def _fits(value: bytes) -> bytes:
    if len(value) > INLINE:
        raise PydanticCustomError(
            "too_large", "more than {most} bytes are streamed, not put into JSON", {"most": INLINE}
        )
    return value


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


#: Bytes, which are base64 in JSON.
Bytes = Annotated[
    bytes,
    BeforeValidator(_decoded),
    AfterValidator(_fits),
    PlainSerializer(_encoded, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]


class NewAsset(Schema):
    """A file to be kept; its bytes come beside it.

    Attributes:
        user_id: whose file it is; the one who acts, if not given.
        name: as people see it.
        media_type: ``image/png``; nobody looks whether it is one.
        conversation_id, message_id, memory_id, document_id: what it belongs to, and is erased with.
    """

    user_id: UUID | None = None
    name: Name
    media_type: MediaType = "application/octet-stream"
    conversation_id: UUID | None = None
    message_id: UUID | None = None
    memory_id: UUID | None = None
    document_id: UUID | None = None

    @model_validator(mode="after")
    def _one_holder(self) -> NewAsset:
        held_by = (self.conversation_id, self.message_id, self.memory_id, self.document_id)
        if sum(holder is not None for holder in held_by) > 1:
            raise PydanticCustomError("holder", "a file belongs to one thing at most")
        return self


class PutAsset(NewAsset):
    """A file to be kept, with its bytes, which are base64 in JSON; at most 8 MB."""

    data: Bytes


class ListAssets(PageRequest):
    """Which files to list: newest first."""

    user_id: UUID | None = None
    conversation_id: UUID | None = None
    message_id: UUID | None = None
    memory_id: UUID | None = None
    document_id: UUID | None = None


class Asset(Schema):
    """A file, as it is read: without its bytes.

    Attributes:
        sha256: of the bytes, in hexadecimal digits.
    """

    id: UUID
    user_id: UUID
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    conversation_id: UUID | None
    message_id: UUID | None
    memory_id: UUID | None
    document_id: UUID | None
    created_at: datetime
    version: int


class AssetContent(Schema):
    """A file with its bytes, which are base64 in JSON."""

    asset: Asset
    data: Bytes


class SweepAssets(Schema):
    """Objects of the store to look at; none are named: all that are older than an hour."""

    objects: Annotated[tuple[UUID, ...], Field(max_length=10_000)] = ()


class Swept(Schema):
    """How many objects were removed that no file has."""

    removed: int
