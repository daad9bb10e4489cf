"""What a type checker sees of the namespaces: mypy reads this file, nothing runs it.

An error that is expected and does not come is an error: `warn_unused_ignores` is a part of strict.
"""

from __future__ import annotations

from datetime import date
from typing import assert_type
from uuid import UUID

from mnemon import AsyncMemory, Memory
from mnemon.core.pages import Page
from mnemon.graph.schemas import Ensured
from mnemon.workspace.schemas import Completed, CreateTask, Task


def blocking(memory: Memory, someone: UUID) -> None:
    assert_type(memory.tasks.create("Send it"), Task)
    assert_type(memory.tasks.create(title="Send it", user_id=someone, due_date=date(2026, 3, 1), tags=["law"]), Task)
    assert_type(memory.tasks.create("Send it", user_id=str(someone), due_date="2026-03-01"), Task)
    assert_type(memory.tasks.create(CreateTask(title="Send it")), Task)
    assert_type(memory.tasks.complete(someone), Completed)
    assert_type(memory.tasks.list(status=["todo"]), Page[Task])
    memory.tasks.create()  # type: ignore[call-overload]
    memory.tasks.create(titel="Send it")  # type: ignore[call-overload]
    memory.tasks.create("Send it", priority="soon")  # type: ignore[call-overload]
    memory.tasks.list(status=["soon"])  # type: ignore[list-item]
    memory.tasks.send("Send it")  # type: ignore[attr-defined]
    memory.chores.create("Send it")  # type: ignore[attr-defined]


async def awaiting(memory: AsyncMemory, someone: UUID) -> None:
    assert_type(await memory.tasks.create("Send it"), Task)
    assert_type(await memory.graph.ensure("place", name="Lisbon", aliases=("Lisboa",)), Ensured)
    assert_type(await memory.people.permissions(someone), frozenset[str])
    assert_type(await memory.tasks.list(user_id=someone), Page[Task])
    await memory.graph.ensure("place")  # type: ignore[call-overload]
    print(memory.tasks.create("Send it").title)  # type: ignore[attr-defined]  # noqa: T201
