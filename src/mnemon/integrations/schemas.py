"""What goes into integrations and what comes out: the same for every door."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from mnemon.conversations.schemas import Language
from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import Content, JsonObject, Key, Moment, Schema, check_characters
from mnemon.integrations.models import BODY_LIMIT

Provider = Literal["google", "microsoft", "slack", "notion"]
IntegrationStatus = Literal["pending", "active", "expired", "error", "disconnected"]

_EVENT = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*", flags=re.ASCII)
_URL = re.compile(r"https?://\S+")


def _event(value: str) -> str:
    if not _EVENT.fullmatch(value):
        raise PydanticCustomError("event", "an event is dotted lower-case words, such as memory.created")
    return value


def _url(value: str) -> str:
    check_characters(value)
    try:
        parts = urlsplit(value)
        sound = bool(_URL.fullmatch(value)) and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise PydanticCustomError("url", "that is not an http or https address")
    return value


def _token(value: SecretStr) -> SecretStr:
    check_characters(value.get_secret_value())
    return value


Id = Key
Line = Annotated[str, StringConstraints(max_length=255), AfterValidator(check_characters)]
Short = Annotated[str, StringConstraints(max_length=50), AfterValidator(check_characters)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(check_characters)]
Text = Annotated[str, StringConstraints(max_length=BODY_LIMIT), AfterValidator(check_characters)]
Entry = Annotated[str, StringConstraints(max_length=1000), AfterValidator(check_characters)]
Lines = Annotated[tuple[Entry, ...], Field(max_length=1000)]
Event = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_event)]
Events = Annotated[tuple[Event, ...], Field(max_length=100)]
Url = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_url)]
Token = Annotated[SecretStr, Field(min_length=1, max_length=20_000), AfterValidator(_token)]
Removed = Annotated[tuple[Id, ...], Field(max_length=10_000)]


class Connect(Schema):
    """A connection that a person granted; the same person and provider are connected once, and again.

    Attributes:
        access_token, refresh_token: encrypted before they are stored, never given out by a read.
        expires_at: when the access token ends.
        scopes: what was granted.
    """

    user_id: UUID | None = None
    provider: Provider
    access_token: Token
    refresh_token: Token | None = None
    expires_at: Moment | None = None
    scopes: Lines = ()
    provider_user_id: Id | None = None
    provider_email: Line | None = None
    metadata: JsonObject = Field(default_factory=dict)


class RefreshTokens(Schema):
    """New tokens of a connection; without a refresh token the old one stays."""

    id: UUID
    access_token: Token
    refresh_token: Token | None = None
    expires_at: Moment | None = None
    expected_version: int | None = Field(default=None, ge=1)


class SaveCursor(Schema):
    """Where the next synchronisation goes on."""

    id: UUID
    cursor: Annotated[str, StringConstraints(max_length=100_000), AfterValidator(check_characters)] | None
    expected_version: int | None = Field(default=None, ge=1)


class ReportFailure(Schema):
    """A connection that does not work: its grant has expired, or the provider refuses."""

    id: UUID
    status: Literal["expired", "error"]
    error: Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(check_characters)]


class ListIntegrations(PageRequest):
    """Which connections to list."""

    user_id: UUID | None = None
    provider: Provider | None = None
    status: tuple[IntegrationStatus, ...] = ()


class Integration(Schema):
    """A connection, as it is read: without its tokens."""

    id: UUID
    user_id: UUID
    provider: Provider
    status: IntegrationStatus
    token_expires_at: datetime | None
    scopes: tuple[str, ...]
    last_sync_at: datetime | None
    sync_cursor: str | None
    last_error: str | None
    provider_user_id: str | None
    provider_email: str | None
    connected_at: datetime | None
    version: int


class Tokens(Schema):
    """A connection's tokens, for the one who talks to the provider."""

    access_token: SecretStr
    refresh_token: SecretStr | None
    expires_at: datetime | None


class Mail(Schema):
    """A mail of Gmail; ``language``: what it is written in, as an ISO 639 code; found out, if not given."""

    gmail_id: Id
    thread_id: Line | None = None
    subject: Annotated[str, StringConstraints(max_length=10_000), AfterValidator(check_characters)] | None = None
    from_email: Line | None = None
    to_emails: Lines = ()
    snippet: Text | None = None
    body_text: Text | None = None
    labels: Lines = ()
    is_read: bool = False
    received_at: Moment | None = None
    language: Language | None = None


class CalendarEvent(Schema):
    """An appointment; it ends no earlier than it starts."""

    provider_event_id: Id
    calendar_id: Line | None = None
    title: Annotated[str, StringConstraints(max_length=500), AfterValidator(check_characters)] | None = None
    description: Text | None = None
    location: Text | None = None
    start_time: Moment
    end_time: Moment
    is_all_day: bool = False
    timezone: Short | None = None
    attendees: Annotated[tuple[JsonObject, ...], Field(max_length=10_000)] = ()
    is_online_meeting: bool = False
    online_meeting_url: Text | None = None
    recurrence_rule: Text | None = None

    @model_validator(mode="after")
    def _in_order(self) -> CalendarEvent:
        if self.end_time < self.start_time:
            raise PydanticCustomError("end_time", "end_time is before start_time")
        return self


class File(Schema):
    """A file of a drive: what it is and where."""

    provider_file_id: Id
    name: Name
    mime_type: Line | None = None
    size_bytes: int | None = Field(default=None, ge=0, le=2**63 - 1)
    web_url: Text | None = None
    parent_path: Text | None = None
    modified_at: Moment | None = None


class Sync(Schema):
    """What a synchronisation brings, in one transaction with the cursor; bringing it twice changes nothing.

    Attributes:
        integration_id: the connection it came through.
        removed: ids that the provider has no more.
        cursor: where the next one goes on; None leaves it.
    """

    integration_id: UUID
    removed: Removed = ()
    cursor: Annotated[str, StringConstraints(max_length=100_000), AfterValidator(check_characters)] | None = None


class SyncMail(Sync):
    """Mail of a Google connection."""

    items: Annotated[tuple[Mail, ...], Field(max_length=10_000)] = ()


class SyncEvents(Sync):
    """Appointments of a Google or Microsoft connection."""

    items: Annotated[tuple[CalendarEvent, ...], Field(max_length=10_000)] = ()


class SyncFiles(Sync):
    """Files of a Google or Microsoft connection."""

    items: Annotated[tuple[File, ...], Field(max_length=10_000)] = ()


class Synced(Schema):
    """What a synchronisation changed."""

    added: int
    changed: int
    unchanged: int
    removed: int


class SearchMail(Schema):
    """A search through a person's mail.

    Attributes:
        query: words; "in quotes" a phrase, ``or`` and ``-word`` as web searches have them.
        since, until: when it was received; since is included, until is not.
    """

    user_id: UUID | None = None
    query: Content
    since: Moment | None = None
    until: Moment | None = None
    k: Limit = 20


class FoundMail(Schema):
    """A mail that was found; ``score`` is PostgreSQL's cover density rank."""

    id: UUID
    gmail_id: str
    thread_id: str | None
    subject: str | None
    from_email: str | None
    to_emails: tuple[str, ...]
    snippet: str | None
    labels: tuple[str, ...]
    is_read: bool
    received_at: datetime | None
    score: float


class ListEvents(PageRequest):
    """Which appointments to list: those that touch the time from ``since`` to ``until``."""

    user_id: UUID | None = None
    since: Moment
    until: Moment
    limit: Limit = 200

    @model_validator(mode="after")
    def _in_order(self) -> ListEvents:
        if self.since >= self.until:
            raise PydanticCustomError("time_range", "since is not before until")
        return self


class StoredEvent(Schema):
    """An appointment, as it is read."""

    id: UUID
    provider: str
    provider_event_id: str
    calendar_id: str | None
    title: str | None
    description: str | None
    location: str | None
    start_time: datetime
    end_time: datetime
    is_all_day: bool
    timezone: str | None
    attendees: tuple[Any, ...]
    is_online_meeting: bool
    online_meeting_url: str | None
    recurrence_rule: str | None


class ListFiles(PageRequest):
    """Which files to list: newest first; ``name`` is a part of the name, in any case."""

    user_id: UUID | None = None
    name: Name | None = None


class StoredFile(Schema):
    """A file, as it is read."""

    id: UUID
    provider: str
    provider_file_id: str
    name: str
    mime_type: str | None
    size_bytes: int | None
    web_url: str | None
    parent_path: str | None
    modified_at: datetime | None


class Count(Schema):
    """How many rows something was done to."""

    count: int
