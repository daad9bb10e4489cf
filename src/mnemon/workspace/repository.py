"""SQL of workspace."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import any_, func, insert, literal, update

from mnemon.db.base import Base
from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement
from mnemon.workspace.models import AssetORM, DocumentORM, DocumentTemplateORM, NotificationORM, TaskORM

PACKAGE = "mnemon.workspace"

T = TypeVar("T", bound=Base)


class OwnedRepository(BaseRepository[T]):
    """Rows that belong to one person each."""

    async def get_owned(self, row_id: UUID, owner: UUID | None, *, lock: bool = False) -> T | None:
        """Return the row if it is the owner's (anybody's, for None), locked until the transaction ends if asked."""
        query = self._owned(owner).where(self.model.id == row_id)
        if lock:
            query = query.with_for_update()
        found: T | None = (await self.session.execute(query)).scalar_one_or_none()
        return found

    def _owned(self, owner: UUID | None) -> Any:
        query = self._alive()
        return query if owner is None else query.where(self.model.user_id == owner)


class TaskRepository(OwnedRepository[TaskORM]):
    """Tasks of one organisation."""

    model = TaskORM

    def those(
        self,
        owner: UUID | None,
        *,
        status: Collection[str] = (),
        priority: Collection[str] = (),
        due_from: date | None = None,
        due_until: date | None = None,
        project_id: UUID | None = None,
        tag: str | None = None,
    ) -> Any:
        """Return tasks that fit. Indexes: ix_tasks_due or ix_tasks_user for one person's, ix_tasks_due_date for all."""
        query = self._owned(owner)
        if status:
            query = query.where(TaskORM.status.in_(sorted(status)))
        if priority:
            query = query.where(TaskORM.priority.in_(sorted(priority)))
        if due_from is not None:
            query = query.where(TaskORM.due_date >= due_from)
        if due_until is not None:
            query = query.where(TaskORM.due_date < due_until)
        if project_id is not None:
            query = query.where(TaskORM.project_id == project_id)
        if tag is not None:
            query = query.where(literal(tag) == any_(TaskORM.tags))
        return query

    async def reminders(self, owner: UUID | None, *, now: datetime, limit: int, take: bool) -> Sequence[TaskORM]:
        """Return tasks whose reminder is due, earliest first. Index: ix_tasks_reminder."""
        due = (
            self._owned(owner)
            .where(
                TaskORM.reminder_at.is_not(None),
                TaskORM.reminder_at <= now,
                TaskORM.reminded_at.is_(None),
                TaskORM.status.in_(("todo", "in_progress")),
            )
            .order_by(TaskORM.reminder_at, TaskORM.id)
            .limit(limit)
        )
        if take:
            due = due.with_for_update(skip_locked=True)
        tasks: Sequence[TaskORM] = (await self.session.execute(due)).scalars().all()
        if take and tasks:
            await self.session.execute(
                update(TaskORM)
                .where(TaskORM.organization_id == self.organization_id, TaskORM.id.in_([task.id for task in tasks]))
                .values(reminded_at=now)
                .execution_options(synchronize_session=False)
            )
            for task in tasks:
                await self.session.refresh(task)
        return tasks

    async def successor(self, task_id: UUID) -> TaskORM | None:
        """Return the occurrence that followed a task."""
        query = self._alive().where(TaskORM.recurs_from == task_id)
        found: TaskORM | None = (await self.session.execute(query)).scalar_one_or_none()
        return found


class DocumentRepository(OwnedRepository[DocumentORM]):
    """Documents of one organisation."""

    model = DocumentORM

    def those(self, owner: UUID | None, *, document_type: str | None = None, status: Collection[str] = ()) -> Any:
        """Return documents that fit. Index: ix_documents_user."""
        query = self._owned(owner)
        if document_type is not None:
            query = query.where(DocumentORM.document_type == document_type)
        if status:
            query = query.where(DocumentORM.status.in_(sorted(status)))
        return query


class TemplateRepository(BaseRepository[DocumentTemplateORM]):
    """Document templates of one organisation."""

    model = DocumentTemplateORM

    def those(self, *, document_type: str | None) -> Any:
        """Return templates that fit. Index: ix_document_templates_type."""
        query = self._alive()
        if document_type is not None:
            query = query.where(DocumentTemplateORM.document_type == document_type)
        return query


class NotificationRepository(OwnedRepository[NotificationORM]):
    """Notifications of one organisation."""

    model = NotificationORM

    async def add(self, people: Collection[UUID], values: dict[str, Any]) -> Sequence[NotificationORM]:
        """Write one notification a person."""
        rows = [{"organization_id": self.organization_id, "user_id": person, **values} for person in people]
        return (await self.session.execute(insert(NotificationORM).returning(NotificationORM), rows)).scalars().all()

    async def mark_read(self, owner: UUID | None, ids: Collection[UUID] | None) -> int:
        """Mark unread ones as read; how many there were. Index: ix_notifications_unread or the key."""
        query = update(NotificationORM).where(
            NotificationORM.organization_id == self.organization_id, NotificationORM.is_read.is_(False)
        )
        if owner is not None:
            query = query.where(NotificationORM.user_id == owner)
        if ids is not None:
            query = query.where(NotificationORM.id.in_(list(ids)))
        query = query.values(is_read=True, read_at=func.now()).returning(NotificationORM.id)
        return len((await self.session.execute(query, execution_options={"synchronize_session": False})).all())


async def notifications(
    connection: Connection,
    organization_id: UUID,
    owner: UUID,
    *,
    unread_only: bool,
    before: datetime | None,
    after: Sequence[Any],
    limit: int,
) -> list[Any]:
    """Return a person's notifications, newest first, after a place."""
    name = "unread_notifications" if unread_only else "notifications"
    return await connection.fetch(statement(PACKAGE, name), organization_id, owner, before, *after, limit)


async def count_unread(connection: Connection, organization_id: UUID, owner: UUID) -> int:
    """Return how many notifications a person has not read."""
    found: int = await connection.fetchval(statement(PACKAGE, "count_unread"), organization_id, owner)
    return found


class AssetRepository(OwnedRepository[AssetORM]):
    """Files of one organisation."""

    model = AssetORM

    def those(self, owner: UUID | None, **held_by: UUID | None) -> Any:
        """Return files that fit. Indexes: ix_assets_user, and one for each of what a file may belong to."""
        query = self._owned(owner)
        for name, value in held_by.items():
            if value is not None:
                query = query.where(getattr(AssetORM, name) == value)
        return query

    async def same(self, sha256: bytes, size: int) -> UUID | None:
        """Return where the bytes of the same file are. Index: ix_assets_sha256."""
        query = self._alive().where(AssetORM.sha256 == sha256, AssetORM.size_bytes == size).limit(1)
        row: AssetORM | None = (await self.session.execute(query)).scalars().first()
        return None if row is None else row.object_id

    async def kept(self, objects: Collection[UUID]) -> set[UUID]:
        """Return those of the objects that a file has. Index: ix_assets_object."""
        query = self._alive().where(AssetORM.object_id.in_(objects)).with_only_columns(AssetORM.object_id)
        return set((await self.session.execute(query)).scalars().all())
