"""The verbs of tasks."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import partial
from uuid import UUID

from mnemon.context import Context
from mnemon.core.changes import changes
from mnemon.core.errors import Conflict
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.verbs import verb
from mnemon.workspace.models import DUE_DATE, DUE_TIME, NO_DATE, NO_TIME, TaskORM
from mnemon.workspace.ownership import owner_of, reach_of
from mnemon.workspace.recurrence import next_occurrence
from mnemon.workspace.repository import TaskRepository
from mnemon.workspace.schemas import Completed, CompleteTask, Count, CreateTask, ListTasks, Reminders, Task, UpdateTask
from mnemon.workspace.service.common import require_own

_TASKS = Listing(
    "workspace.list_tasks",
    {"due_date": date, "due_time": time, "created_at": datetime, "id": UUID},
    absent={"due_date": NO_DATE, "due_time": NO_TIME},
)


@verb("tasks:write")
async def create_task(ctx: Context, request: CreateTask) -> Task:
    """Make a task.

    Raises:
        NotFound: the person is not one of this organisation.
    """
    values = request.model_dump(exclude={"user_id"}) | {"tags": list(request.tags)}
    async with ctx.database.session(ctx.principal) as session:
        tasks = TaskRepository(session, ctx.principal.organization_id)
        row = await tasks.create(user_id=owner_of(ctx.principal, request.user_id), **values)
        await session.refresh(row)
        return from_row(Task, row)


@verb("tasks:read")
async def get_task(ctx: Context, task_id: UUID) -> Task:
    """Read a task.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
    """
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        tasks = TaskRepository(session, ctx.principal.organization_id)
        row = await tasks.get_owned(task_id, reach_of(ctx.principal, None))
        if row is None:
            raise missing("task", task_id)
        return from_row(Task, row)


@verb("tasks:write")
async def update_task(ctx: Context, request: UpdateTask) -> Task:
    """Change a task; another moment of reminding reminds again, another status takes a completed one up again.

    Raises:
        NotFound: there is no such task, or it is not this principal's.
        Conflict: it has another version than the one expected; ``data`` has both.
        Invalid: the change would leave a due time without a due date.
    """
    values = changes(request, empties=True)
    if "reminder_at" in values:
        values["reminded_at"] = None
    if "status" in values:
        values["completed_at"] = None
    if "due_date" in values and values["due_date"] is None:
        values.setdefault("due_time", None)
    async with ctx.database.session(ctx.principal) as session:
        tasks = TaskRepository(session, ctx.principal.organization_id)
        await require_own(ctx, tasks, "task", request.id)
        row = await tasks.update(request.id, expected_version=request.expected_version, **values)
        return from_row(Task, row)


@verb("tasks:write")
async def complete_task(ctx: Context, request: CompleteTask) -> Completed:
    """Mark a task as done; a task that recurs gets its next occurrence, once however often it is completed.

    The next occurrence counts from the due date (from today without one), and its reminder keeps its distance.

    Raises:
        NotFound: there is no such task, or it is not this principal's.
        Conflict: it has another version than the one expected, or it was cancelled.
    """
    async with ctx.database.session(ctx.principal) as session:
        tasks = TaskRepository(session, ctx.principal.organization_id)
        row = await tasks.get_owned(request.id, reach_of(ctx.principal, None), lock=True)
        if row is None:
            raise missing("task", request.id)
        if row.status == "cancelled":
            raise Conflict("The task was cancelled.", code="conflict.cancelled", hint="Take it up again first.")
        if row.status == "done" and request.expected_version in (None, row.version):
            completed, successor = row, await tasks.successor(row.id)
        else:
            completed = await tasks.update(
                row.id, expected_version=request.expected_version, status="done", completed_at=ctx.clock.now()
            )
            successor = await tasks.successor(completed.id) or await _recur(ctx, tasks, completed)
        return Completed(
            task=from_row(Task, completed), next=from_row(Task, successor) if successor is not None else None
        )


async def _recur(ctx: Context, tasks: TaskRepository, done: TaskORM) -> TaskORM | None:
    if done.recurrence_rule is None:
        return None
    day = done.due_date or ctx.clock.now().astimezone(ctx.zone).date()
    due = datetime.combine(day, done.due_time or time())
    occurrence = next_occurrence(done.recurrence_rule, due)
    if occurrence is None:
        return None
    moment, rule = occurrence
    copied = ("user_id", "title", "description", "priority", "source", "source_id", "source_type", "project_id", "tags")
    row = await tasks.create(
        **{name: getattr(done, name) for name in copied},
        due_date=moment.date(),
        due_time=done.due_time,
        reminder_at=None if done.reminder_at is None else done.reminder_at + (moment - due),
        recurrence_rule=rule,
        recurs_from=done.id,
    )
    await tasks.session.refresh(row)
    return row


@verb("tasks:delete")
async def delete_task(ctx: Context, task_id: UUID) -> Count:
    """Delete a task softly.

    Raises:
        NotFound: there is none, or it is not this principal's.
    """
    async with ctx.database.session(ctx.principal) as session:
        tasks = TaskRepository(session, ctx.principal.organization_id)
        await require_own(ctx, tasks, "task", task_id)
        return Count(count=int(await tasks.delete(task_id)))


@verb("tasks:read")
async def list_tasks(ctx: Context, request: ListTasks) -> Page[Task]:
    """List tasks by status and due date: soonest due first, those without a date last."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        tasks = TaskRepository(session, ctx.principal.organization_id)
        conditions = request.model_dump(exclude={"user_id", "limit", "cursor"})
        return await tasks.page(
            _TASKS,
            ctx.principal,
            request,
            partial(from_row, Task),
            query=tasks.those(reach_of(ctx.principal, request.user_id), **conditions),
            columns=(DUE_DATE, DUE_TIME, TaskORM.created_at, TaskORM.id),
        )


@verb("tasks:read", "tasks:write", rule="the second to take them")
async def due_reminders(ctx: Context, request: Reminders) -> tuple[Task, ...]:
    """List open tasks whose reminder is due by the clock; two who take at once get different ones."""
    ctx.principal.require("tasks:write" if request.take else "tasks:read")
    async with ctx.database.session(ctx.principal) as session:
        tasks = TaskRepository(session, ctx.principal.organization_id)
        rows = await tasks.reminders(
            reach_of(ctx.principal, request.user_id), now=ctx.clock.now(), limit=request.limit, take=request.take
        )
        return tuple(from_row(Task, row) for row in rows)
