"""What goes into webhooks and what comes out: the same for every door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from mnemon.core.pages import PageRequest
from mnemon.core.text import JsonObject, Schema, check_characters
from mnemon.integrations.schemas import Event, Events, Id, Url

DeliveryStatus = Literal["pending", "sending", "delivered", "failed"]
Description = Annotated[str, StringConstraints(max_length=500), AfterValidator(check_characters)]


class RegisterWebhook(Schema):
    """An address that wants to be told.

    Attributes:
        events: dotted names of what it wants; none: everything.
    """

    url: Url
    description: Description | None = None
    events: Events = ()


class UpdateWebhook(Schema):
    """A change to an address; what is not given stays."""

    id: UUID
    url: Url | None = None
    description: Description | None = None
    events: Events | None = None
    active: bool | None = None
    expected_version: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _says_something(self) -> UpdateWebhook:
        if self.url is None and self.description is None and self.events is None and self.active is None:
            raise PydanticCustomError("no_change", "nothing is to be changed")
        return self


class Webhook(Schema):
    """An address, as it is read: without its secret.

    Attributes:
        failing_since: when the first attempt failed since the last one that came through.
        disabled_reason: why it was switched off by itself; switched on again, it is None.
    """

    id: UUID
    url: str
    description: str | None
    events: tuple[str, ...]
    active: bool
    failing_since: datetime | None
    disabled_reason: str | None
    created_at: datetime
    version: int


class NewSecret(Schema):
    """An address with its fresh secret, which is shown this once."""

    webhook: Webhook
    secret: SecretStr


class EnqueueDelivery(Schema):
    """Something that happened, to be told to every address that wants it.

    Attributes:
        idempotency_key: the same key is enqueued once for an address.
    """

    event: Event
    payload: JsonObject
    idempotency_key: Id | None = None
    max_attempts: int = Field(default=8, ge=1, le=50)


class Enqueued(Schema):
    """The deliveries that were made."""

    ids: tuple[UUID, ...]


class ClaimDeliveries(Schema):
    """How many due deliveries to take, and for how many seconds they are one's own."""

    limit: Annotated[int, Field(ge=1, le=100)] = 10
    lease_seconds: int = Field(default=60, ge=5, le=3600)


class Claimed(Schema):
    """A delivery to be sent now: the body is signed with the secret; ``attempt`` goes into the report."""

    id: UUID
    endpoint_id: UUID
    url: str
    secret: SecretStr
    event: str
    payload: dict[str, Any]
    attempt: int
    created_at: datetime


class RecordAttempt(Schema):
    """What became of an attempt: the HTTP status, or the error that there was none."""

    id: UUID
    attempt: int = Field(ge=1)
    status_code: int | None = Field(default=None, ge=100, le=599)
    error: Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(check_characters)] | None = (
        None
    )

    @model_validator(mode="after")
    def _says_what(self) -> RecordAttempt:
        if self.status_code is None and self.error is None:
            raise PydanticCustomError("outcome", "give the status_code or the error")
        return self


class ListDeliveries(PageRequest):
    """Which deliveries to list: newest first."""

    endpoint_id: UUID | None = None
    status: tuple[DeliveryStatus, ...] = ()


class Delivery(Schema):
    """A delivery, as it is read (REQ-T138)."""

    id: UUID
    endpoint_id: UUID
    event: str
    status: DeliveryStatus
    attempt: int
    max_attempts: int
    next_attempt_at: datetime
    last_status_code: int | None
    last_error: str | None
    delivered_at: datetime | None
    created_at: datetime


class DeliveryWithPayload(Delivery):
    """A delivery with what the address is told."""

    payload: dict[str, Any]


class SendDeliveries(Schema):
    """How many due deliveries to send at most; 0 sends none and tells when the next is due."""

    limit: int = Field(default=500, ge=0, le=10_000)


class Sent(Schema):
    """What became of the deliveries that were due.

    Attributes:
        postponed: attempts that failed and are made again.
        failed: deliveries that are given up.
        next_attempt_at: when the next delivery is due; None: there is none.
    """

    delivered: int
    postponed: int
    failed: int
    next_attempt_at: datetime | None
