"""Tasks: every verb, what is refused by the schema and by the database, recurrence, reminders, others."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.workspace import service
from mnemon.workspace.schemas import CompleteTask, CreateTask, ListTasks, Reminders, Task, UpdateTask
from tests.workspace.helpers import (
    NOBODY_YET,
    acting,
    at,
    indexes,
    people,
    plan,
    refused_field,
    refused_row,
    without_rights,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def make(ctx: Context, user: UUID, **values: Any) -> Task:
    return await service.create_task(ctx, parse(CreateTask, {"user_id": user, "title": "Write the report", **values}))


async def test_a_task_is_kept_as_it_was_given(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    source = uuid4()
    made = await make(
        ctx,
        ada,
        title="  Call Bo ",
        description="about the boat",
        priority="high",
        due_date=date(2026, 3, 2),
        due_time=time(9, 30),
        reminder_at=NOW,
        source="ai_extracted",
        source_id=source,
        source_type="conversation",
        tags=["boat", "boat", "sea"],
        recurrence_rule="rrule:freq=weekly",
    )
    found = await service.get_task(ctx, made.id)
    assert found == made
    assert (made.title, made.status, made.priority, made.version) == ("Call Bo", "todo", "high", 1)
    assert (made.tags, made.recurrence_rule, made.source_id) == (("boat", "sea"), "FREQ=WEEKLY", source)
    assert (made.due_date, made.due_time, made.reminder_at) == (date(2026, 3, 2), time(9, 30), NOW)


async def test_a_change_names_the_version_it_read(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    made = await make(ctx, ada, due_date=date(2026, 3, 2), due_time=time(9))
    changed = await service.update_task(
        ctx, parse(UpdateTask, {"id": made.id, "expected_version": 1, "status": "in_progress", "due_date": None})
    )
    assert (changed.status, changed.due_date, changed.due_time, changed.version) == ("in_progress", None, None, 2)
    assert changed.title == made.title
    with pytest.raises(Conflict) as caught:
        await service.update_task(ctx, parse(UpdateTask, {"id": made.id, "expected_version": 1, "title": "x"}))
    assert caught.value.code == "conflict.version"
    assert caught.value.data == {"expected_version": 1, "current_version": 2}
    with pytest.raises(Invalid) as timed:  # the schema cannot know that there is no date
        await service.update_task(ctx, parse(UpdateTask, {"id": made.id, "due_time": time(9)}))
    assert (timed.value.code, timed.value.data["field"]) == ("invalid.due_time", "due_time")


async def test_two_changes_of_one_version_and_one_wins(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    made = await make(ctx, ada)
    requests = [parse(UpdateTask, {"id": made.id, "expected_version": 1, "title": f"title {n}"}) for n in range(6)]
    results = await asyncio.gather(*(service.update_task(ctx, one) for one in requests), return_exceptions=True)
    assert sum(isinstance(one, Task) for one in results) == 1
    assert sum(isinstance(one, Conflict) for one in results) == 5
    assert (await service.get_task(ctx, made.id)).version == 2


async def test_done_and_its_next_occurrence(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    made = await make(
        ctx,
        ada,
        due_date=date(2026, 3, 2),
        due_time=time(9),
        reminder_at=datetime(2026, 3, 2, 8, tzinfo=UTC),
        recurrence_rule="FREQ=WEEKLY;COUNT=2",
        tags=["weekly"],
    )
    done = await service.complete_task(at(ctx, NOW), CompleteTask(id=made.id, expected_version=1))
    assert (done.task.status, done.task.completed_at, done.task.version) == ("done", NOW, 2)
    assert done.next is not None
    follow = done.next
    assert (follow.due_date, follow.due_time, follow.status) == (date(2026, 3, 9), time(9), "todo")
    assert (follow.reminder_at, follow.reminded_at) == (datetime(2026, 3, 9, 8, tzinfo=UTC), None)
    assert (follow.recurs_from, follow.recurrence_rule, follow.tags) == (made.id, "FREQ=WEEKLY;COUNT=1", ("weekly",))
    again = await service.complete_task(ctx, CompleteTask(id=made.id))
    assert again == done
    last = await service.complete_task(ctx, CompleteTask(id=follow.id))
    assert last.next is None
    with pytest.raises(Conflict) as caught:
        await service.complete_task(ctx, CompleteTask(id=made.id, expected_version=1))
    assert caught.value.code == "conflict.version"


async def test_completed_by_many_at_once_it_recurs_once(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    made = await make(ctx, ada, recurrence_rule="FREQ=DAILY")
    results = await asyncio.gather(*(service.complete_task(ctx, CompleteTask(id=made.id)) for _ in range(6)))
    assert len({one.next.id for one in results if one.next}) == 1
    assert len((await service.list_tasks(ctx, ListTasks(user_id=ada))).items) == 2


async def test_taken_up_again_it_is_not_completed(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    made = await make(ctx, ada)
    await service.complete_task(ctx, CompleteTask(id=made.id))
    back = await service.update_task(ctx, UpdateTask(id=made.id, status="todo"))
    assert (back.status, back.completed_at) == ("todo", None)
    await service.update_task(ctx, UpdateTask(id=made.id, status="cancelled"))
    with pytest.raises(Conflict):
        await service.complete_task(ctx, CompleteTask(id=made.id))


async def test_lists_by_status_and_due_date(ctx: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    days = [date(2026, 3, n) for n in (5, 1, 3)]
    made = [await make(ctx, ada, title=f"task {day.day}", due_date=day) for day in days]
    undated = await make(ctx, ada, title="some day", priority="urgent", tags=["later"])
    theirs = await make(ctx, bo, title="bo's")
    await service.complete_task(ctx, CompleteTask(id=made[1].id))

    async def listed(**conditions: Any) -> list[str]:
        return [
            one.title for one in (await service.list_tasks(ctx, parse(ListTasks, {"user_id": ada, **conditions}))).items
        ]

    assert await listed() == ["task 1", "task 3", "task 5", "some day"]
    assert await listed(status=["todo"]) == ["task 3", "task 5", "some day"]
    assert await listed(due_from=date(2026, 3, 3), due_until=date(2026, 3, 5)) == ["task 3"]
    assert await listed(priority=["urgent"]) == await listed(tag="later") == [undated.title]
    first = await service.list_tasks(ctx, ListTasks(user_id=ada, limit=2))
    assert await listed(limit=2, cursor=first.next_cursor) == ["task 5", "some day"]
    assert theirs.id in {one.id for one in (await service.list_tasks(ctx, ListTasks())).items}
    await service.delete_task(ctx, made[0].id)
    assert await listed(status=["todo"]) == ["task 3", "some day"]
    with pytest.raises(NotFound):
        await service.get_task(ctx, made[0].id)


async def test_reminders_are_taken_once(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    clocked = at(ctx, NOW)
    made = [await make(ctx, ada, title=str(n), reminder_at=NOW + timedelta(minutes=n - 6)) for n in range(10)]
    await service.complete_task(ctx, CompleteTask(id=made[0].id))
    due = await service.due_reminders(clocked, Reminders())
    assert [one.title for one in due] == ["1", "2", "3", "4", "5", "6"]
    taken = await asyncio.gather(*(service.due_reminders(clocked, Reminders(take=True, limit=3)) for _ in range(5)))
    titles = [one.title for batch in taken for one in batch]
    assert len(titles) == len(set(titles))
    rest = await service.due_reminders(clocked, Reminders(take=True))
    assert sorted(titles + [one.title for one in rest]) == ["1", "2", "3", "4", "5", "6"]
    assert not await service.due_reminders(clocked, Reminders())
    moved = await service.update_task(ctx, UpdateTask(id=made[1].id, reminder_at=NOW))
    assert moved.reminded_at is None
    assert [one.id for one in await service.due_reminders(clocked, Reminders())] == [made[1].id]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": " \n "}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"title": "x\x00"}, "title"),
        ({"title": "x", "status": "done"}, "status"),
        ({"title": "x", "priority": "extreme"}, "priority"),
        ({"title": "x", "source": "dream"}, "source"),
        ({"title": "x", "recurrence_rule": "FREQ=SOMETIMES"}, "recurrence_rule"),
        ({"title": "x", "due_date": "2026-02-30"}, "due_date"),
        ({"title": "x", "tags": ["x" * 101]}, "tags.0"),
        ({"title": "x", "colour": "blue"}, "colour"),
    ],
)
def test_the_schema_names_the_field(values: dict[str, Any], field: str) -> None:
    code, named = refused_field(CreateTask, **values)
    assert code.startswith("invalid.")
    assert named == field


def test_the_schema_refuses_a_time_without_a_day_and_no_change() -> None:
    assert refused_field(CreateTask, title="x", due_time="09:00")[0] == "invalid.due_time"
    assert refused_field(UpdateTask, id=uuid4())[0] == "invalid.no_change"
    assert refused_field(UpdateTask, id=uuid4(), title=None)[0] == "invalid.required"


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"title": "' '"}, "invalid.title", "title"),
        ({"title": "NULL"}, "invalid.required", "title"),
        ({"status": "'open'"}, "invalid.status", "status"),
        ({"priority": "'extreme'"}, "invalid.priority", "priority"),
        ({"source": "'dream'"}, "invalid.source", "source"),
        ({"due_time": "'09:00'"}, "invalid.due_time", "due_time"),
        ({"completed_at": "now()"}, "invalid.completed_at", "completed_at"),
        ({"recurrence_rule": "'sometimes'"}, "invalid.recurrence_rule", "recurrence_rule"),
        ({"user_id": f"'{NOBODY_YET}'"}, "not_found.reference", "user_id"),
        ({"recurs_from": f"'{NOBODY_YET}'"}, "not_found.reference", "recurs_from"),
    ],
)
async def test_the_database_refuses_it_too(ctx: Context, values: dict[str, str], code: str, field: str) -> None:
    (ada,) = await people(ctx, "ada")
    error = await refused_row(ctx, "tasks", **{"user_id": f"'{ada}'", "title": "'x'", **values})
    assert (error.code, error.data["field"]) == (code, field)


async def test_a_person_reaches_their_own_only(ctx: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    as_ada, as_bo = acting(ctx, ada), acting(ctx, bo)
    mine = await service.create_task(as_ada, CreateTask(title="mine"))
    assert mine.user_id == ada
    assert [one.id for one in (await service.list_tasks(as_ada, ListTasks())).items] == [mine.id]
    assert not (await service.list_tasks(as_bo, ListTasks())).items
    for attempt in (
        service.get_task(as_bo, mine.id),
        service.update_task(as_bo, UpdateTask(id=mine.id, title="x")),
        service.complete_task(as_bo, CompleteTask(id=mine.id)),
        service.delete_task(as_bo, mine.id),
    ):
        with pytest.raises(NotFound) as caught:
            await attempt
        assert caught.value.code == "not_found.task"
    for forbidden in (
        service.create_task(as_bo, CreateTask(user_id=ada, title="x")),
        service.list_tasks(as_bo, ListTasks(user_id=ada)),
        service.list_tasks(acting(ctx, None, agent_id=uuid4()), ListTasks()),
    ):
        with pytest.raises(Forbidden):
            await forbidden
    with pytest.raises(Invalid) as nobody:
        await service.create_task(ctx, CreateTask(title="whose?"))
    assert nobody.value.data["field"] == "user_id"


async def test_another_organisation_finds_and_changes_nothing(ctx: Context, other: Context) -> None:
    (ada,) = await people(ctx, "ada")
    made = await make(ctx, ada, reminder_at=NOW)
    for attempt in (
        service.get_task(other, made.id),
        service.update_task(other, UpdateTask(id=made.id, title="x")),
        service.complete_task(other, CompleteTask(id=made.id)),
        service.delete_task(other, made.id),
        service.create_task(other, CreateTask(user_id=ada, title="x")),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert not (await service.list_tasks(other, ListTasks())).items
    assert not await service.due_reminders(at(other, NOW), Reminders(take=True))
    assert await service.get_task(ctx, made.id) == made


async def test_every_verb_wants_its_permission(ctx: Context) -> None:
    nobody = without_rights(ctx)
    for attempt in (
        service.create_task(nobody, CreateTask(title="x")),
        service.get_task(nobody, uuid4()),
        service.update_task(nobody, UpdateTask(id=uuid4(), title="x")),
        service.complete_task(nobody, CompleteTask(id=uuid4())),
        service.delete_task(nobody, uuid4()),
        service.list_tasks(nobody, ListTasks()),
        service.due_reminders(nobody, Reminders()),
    ):
        with pytest.raises(Forbidden) as caught:
            await attempt
        assert caught.value.data["permission"].startswith("tasks:")


async def test_lists_and_reminders_read_their_indexes(ctx: Context, admin: Any) -> None:
    (ada,) = await people(ctx, "ada")
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute(
            "INSERT INTO tasks (organization_id, user_id, title, status, completed_at, due_date, reminder_at) "
            "SELECT $1, $2, 'task ' || n, CASE WHEN n % 50 = 0 THEN 'todo' ELSE 'done' END, "
            "CASE WHEN n % 50 = 0 THEN NULL ELSE now() END, date '2026-01-01' + n % 300, "
            "timestamptz '2026-01-01' + n * interval '1 minute' FROM generate_series(1, 5000) AS n RETURNING id",
            ctx.principal.organization_id,
            ada,
        )
    await admin.execute("ANALYZE tasks")
    scope = (ctx.principal.organization_id, ada)
    listed = await plan(
        ctx,
        "SELECT * FROM tasks WHERE organization_id = $1 AND deleted_at IS NULL AND user_id = $2 AND status IN ('todo') "
        "ORDER BY due_date, due_time, created_at, id LIMIT 50",
        *scope,
    )
    assert indexes(listed) == {"ix_tasks_user"}
    due = await plan(
        ctx,
        "SELECT * FROM tasks WHERE organization_id = $1 AND deleted_at IS NULL AND reminder_at IS NOT NULL "
        "AND reminder_at <= '2026-01-01 01:00+00' AND reminded_at IS NULL ORDER BY reminder_at, id LIMIT 50",
        scope[0],
    )
    assert indexes(due) == {"ix_tasks_reminder"}
