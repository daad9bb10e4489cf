"""What goes into the workspace and what comes out: the same for every door."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from mnemon.core.changes import changes
from mnemon.core.pages import Limit, Page, PageRequest
from mnemon.core.text import JsonObject, Label, Label50, Label500, Moment, Schema, Tag, Tags, check_characters
from mnemon.workspace.recurrence import check_rule

TaskStatus = Literal["todo", "in_progress", "done", "cancelled"]
Priority = Literal["low", "medium", "high", "urgent"]
TaskSource = Literal["manual", "ai_created", "ai_extracted", "integration"]
DocumentStatus = Literal["draft", "generating", "ready", "exported"]


def _rule(value: str) -> str:
    try:
        return check_rule(value)
    except ValueError as error:
        raise PydanticCustomError("recurrence_rule", "{reason}", {"reason": str(error)}) from None


Title = Label500
Name = Label
Short = Label50
Body = Annotated[str, StringConstraints(max_length=1_000_000), AfterValidator(check_characters)]
Headings = Annotated[tuple[Name, ...], Field(max_length=500)]
Rule = Annotated[str, AfterValidator(_rule)]


class Change(Schema):
    """A change to one row: what is not given stays as it is; None empties a field that may be empty.

    Attributes:
        id: the row.
        expected_version: the version that was read; another one is a Conflict.
    """

    required: ClassVar[frozenset[str]] = frozenset()

    id: UUID
    expected_version: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _says_something(self) -> Change:
        for name in sorted(self.model_fields_set & self.required):
            if getattr(self, name) is None:
                raise PydanticCustomError("required", "{name} cannot be emptied", {"name": name})
        if not changes(self, empties=True):
            raise PydanticCustomError("no_change", "nothing is to be changed")
        return self


class CreateTask(Schema):
    """A task to be made.

    Attributes:
        user_id: whose task it is; the one who acts, if not given.
        due_date, due_time: when it is due, in the person's own time zone; a time needs a date.
        reminder_at: when to remind.
        recurrence_rule: RRULE of RFC 5545 with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY.
        source_id, source_type: what it came from: a conversation, a memory.
    """

    user_id: UUID | None = None
    title: Title
    description: Body | None = None
    status: Literal["todo", "in_progress"] = "todo"
    priority: Priority = "medium"
    due_date: date | None = None
    due_time: time | None = None
    reminder_at: Moment | None = None
    source: TaskSource = "manual"
    source_id: UUID | None = None
    source_type: Short | None = None
    project_id: UUID | None = None
    tags: Tags = ()
    recurrence_rule: Rule | None = None

    @model_validator(mode="after")
    def _dated(self) -> CreateTask:
        _check_due(self.due_date, self.due_time)
        return self


def _check_due(day: date | None, clock: time | None) -> None:
    if clock is not None and day is None:
        raise PydanticCustomError("due_time", "due_time needs a due_date")
    if clock is not None and clock.tzinfo is not None:
        raise PydanticCustomError("due_time", "due_time is the person's own wall-clock time: give no zone")


class UpdateTask(Change):
    """A change to a task; it is completed by :func:`mnemon.workspace.service.complete_task`."""

    required: ClassVar[frozenset[str]] = frozenset({"title", "status", "priority", "tags"})

    title: Title | None = None
    description: Body | None = None
    status: Literal["todo", "in_progress", "cancelled"] | None = None
    priority: Priority | None = None
    due_date: date | None = None
    due_time: time | None = None
    reminder_at: Moment | None = None
    project_id: UUID | None = None
    tags: Tags | None = None
    recurrence_rule: Rule | None = None

    @model_validator(mode="after")
    def _dated(self) -> UpdateTask:
        if self.due_time is not None and self.due_time.tzinfo is not None:
            raise PydanticCustomError("due_time", "due_time is the person's own wall-clock time: give no zone")
        if self.due_time is not None and "due_date" in self.model_fields_set:
            _check_due(self.due_date, self.due_time)
        return self


class CompleteTask(Schema):
    """A task that was done."""

    id: UUID
    expected_version: int | None = Field(default=None, ge=1)


class ListTasks(PageRequest):
    """Which tasks to list: soonest due first, those without a date last.

    Attributes:
        user_id: whose; a person sees their own.
        due_from, due_until: due on or after, and before.
    """

    user_id: UUID | None = None
    status: tuple[TaskStatus, ...] = ()
    priority: tuple[Priority, ...] = ()
    due_from: date | None = None
    due_until: date | None = None
    project_id: UUID | None = None
    tag: Tag | None = None


class Reminders(Schema):
    """Which reminders are due.

    Attributes:
        user_id: whose; a person sees their own.
        take: mark them as reminded, so that nobody else sends them again.
    """

    user_id: UUID | None = None
    limit: Limit = 100
    take: bool = False


class Task(Schema):
    """A task, as it is read."""

    id: UUID
    user_id: UUID
    title: str
    description: str | None
    status: TaskStatus
    priority: Priority
    due_date: date | None
    due_time: time | None
    reminder_at: datetime | None
    reminded_at: datetime | None
    completed_at: datetime | None
    source: TaskSource
    source_id: UUID | None
    source_type: str | None
    project_id: UUID | None
    tags: tuple[str, ...]
    recurrence_rule: str | None
    recurs_from: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int


class Completed(Schema):
    """A task that is done, and its next occurrence if it recurs."""

    task: Task
    next: Task | None


class CreateDocument(Schema):
    """A document to be made; without an outline of its own it takes the template's."""

    user_id: UUID | None = None
    document_type: Short
    title: Title
    content: Body | None = None
    outline: Headings | None = None
    template_id: UUID | None = None
    status: DocumentStatus = "draft"
    context_memory_ids: Annotated[tuple[UUID, ...], Field(max_length=10_000)] = ()


class UpdateDocument(Change):
    """A change to a document."""

    required: ClassVar[frozenset[str]] = frozenset({"title", "outline", "status", "context_memory_ids"})

    title: Title | None = None
    content: Body | None = None
    outline: Headings | None = None
    status: DocumentStatus | None = None
    context_memory_ids: Annotated[tuple[UUID, ...], Field(max_length=10_000)] | None = None


class ListDocuments(PageRequest):
    """Which documents to list: newest first."""

    user_id: UUID | None = None
    document_type: Short | None = None
    status: tuple[DocumentStatus, ...] = ()


class Document(Schema):
    """A document, as it is read."""

    id: UUID
    user_id: UUID
    document_type: str
    title: str
    content: str | None
    outline: tuple[str, ...]
    template_id: UUID | None
    status: DocumentStatus
    context_memory_ids: tuple[UUID, ...]
    created_at: datetime
    updated_at: datetime
    version: int


class CreateTemplate(Schema):
    """A template to be made."""

    name: Name
    document_type: Short
    outline: Headings = ()
    instructions: Body | None = None


class UpdateTemplate(Change):
    """A change to a template; those that came with the installation are not changed."""

    required: ClassVar[frozenset[str]] = frozenset({"name", "outline"})

    name: Name | None = None
    outline: Headings | None = None
    instructions: Body | None = None


class ListTemplates(PageRequest):
    """Which templates to list."""

    document_type: Short | None = None


class Template(Schema):
    """A template, as it is read."""

    id: UUID
    name: str
    document_type: str
    outline: tuple[str, ...]
    instructions: str | None
    is_system: bool
    created_at: datetime
    updated_at: datetime
    version: int


class Notify(Schema):
    """Something to tell people.

    Attributes:
        user_ids: who is told; the one who acts, if nobody is named.
        resource_type, resource_id: what it is about.
    """

    user_ids: Annotated[tuple[UUID, ...], Field(max_length=10_000)] = ()
    type: Short
    title: Name | None = None
    body: Body | None = None
    data: JsonObject = Field(default_factory=dict)
    resource_type: Short | None = None
    resource_id: UUID | None = None


class Notifications(PageRequest):
    """Which notifications to list: newest first.

    Attributes:
        before: those recorded before this moment.
    """

    user_id: UUID | None = None
    unread_only: bool = False
    before: Moment | None = None
    limit: Limit = 50


class MarkRead(Schema):
    """Notifications that were read: these, or all of them."""

    user_id: UUID | None = None
    ids: Annotated[tuple[UUID, ...], Field(max_length=10_000)] | None = None


class Notification(Schema):
    """A notification, as it is read."""

    id: UUID
    user_id: UUID
    type: str
    title: str | None
    body: str | None
    data: dict[str, Any]
    is_read: bool
    read_at: datetime | None
    resource_type: str | None
    resource_id: UUID | None
    created_at: datetime


class Inbox(Page[Notification]):
    """A page of notifications, and how many are unread in all."""

    unread: int


class Count(Schema):
    """How many rows something was done to."""

    count: int
