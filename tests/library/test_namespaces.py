"""The namespaces of a memory: every verb is reached, and each is called as its schema says."""

from __future__ import annotations

import ast
import asyncio
import inspect
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mnemon import AsyncMemory, Conflict, Invalid, Memory, NotFound, verbs
from mnemon.doors.library import namespaces
from mnemon.doors.library.groups import GROUPS
from mnemon.doors.library.taking import Taking
from mnemon.workspace.schemas import CreateTask, UpdateTask
from tests.conftest import APP, Server
from tests.factories import new_slug
from tests.library.test_zones import living_in
from tests.processes.script import at, told
from tests.zones import process_zone

#: Verbs that are methods of the memory itself.
OWN = {
    *"search recall remember get read update forget history rate note_use usage_of maintain reconstruct".split(),
    *"list_items set_timezone erase preview_erasure".split(),
}
#: Verbs that the library does not offer, each with its reason.
ELSEWHERE = {
    "installation.embed_waiting": "`mnemon reembed` runs it until nothing waits",
    "installation.export_organization": "`mnemon export` writes to the disk of the process",
    **{
        verb.name: "the installation's own work: no organisation may call it; the worker does"
        for verb in verbs.every()
        if verb.installation
    },
}


def address() -> str:
    """An e-mail address that nobody has yet."""
    return f"{new_slug('ada')}@example.org"


STUB = Path(namespaces.__file__).with_suffix(".pyi")
ALL = {f"{group}.{name}": taking for group in GROUPS for name, taking in namespaces.takings(group).items()}


def test_every_verb_is_reached_once_or_has_its_reason() -> None:
    reached = [taking.verb.name for taking in ALL.values()]
    assert len(reached) == len(set(reached)), "two methods for one verb"
    own = {verb.name for verb in verbs.every() if verb.name.partition(".")[2] in OWN} - set(reached)
    missing = {verb.name for verb in verbs.every()} - set(reached) - own - set(ELSEWHERE)
    assert not missing, f"give each a namespace and a method in doors/library/groups.py, then `make docs`: {missing}"
    assert len(ELSEWHERE) <= 12
    assert all(inspect.iscoroutinefunction(getattr(AsyncMemory, name.replace("_items", ""))) for name in OWN)


def stubs() -> Iterator[tuple[str, str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each method of the stub that takes arguments by name: its class, its name and what it takes."""
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and [ast.unparse(base) for base in node.bases] == ["Namespace"]:
            for method in node.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and not method.args.posonlyargs:
                    yield node.name, method.name, method


def test_what_type_checkers_see_is_what_there_is() -> None:
    seen = 0
    for owner, name, stub in stubs():
        method = getattr(getattr(namespaces, owner), name)
        known = inspect.signature(method).parameters
        args = [*stub.args.args, *stub.args.kwonlyargs]
        assert [arg.arg for arg in args] == list(known), f"{owner}.{name}"
        assert [arg.arg for arg in stub.args.kwonlyargs] == [
            one.name for one in known.values() if one.kind is inspect.Parameter.KEYWORD_ONLY
        ]
        needed = {
            arg.arg for arg, default in zip(stub.args.kwonlyargs, stub.args.kw_defaults, strict=True) if not default
        }
        empty = {one.name for one in known.values() if one.default is inspect.Parameter.empty}
        assert needed | {arg.arg for arg in stub.args.args} == empty, f"{owner}.{name}"
        assert (
            isinstance(stub, ast.AsyncFunctionDef) == inspect.iscoroutinefunction(method) == owner.startswith("Async")
        )
        assert inspect.cleandoc(ast.get_docstring(stub) or "").split("\n")[0] == verbs_summary(method)
        seen += 1
    assert seen == 2 * len(ALL)


def verbs_summary(method: Any) -> str:
    return (inspect.getdoc(method) or "").split("\n")[0].replace("``", "`")


@pytest.mark.parametrize("name", sorted(ALL))
async def test_a_wrong_argument_is_named(memory: AsyncMemory, name: str) -> None:
    """Before anything is asked of the database: whatever the verb, what is wrong is said as everywhere."""
    group, _, method = name.partition(".")
    call = getattr(getattr(memory, group), method)
    with pytest.raises(Invalid) as caught:
        await call(colour_of_the_sky=1)
    required = ALL[name].first
    assert caught.value.code in {"invalid.unknown_field", "invalid.missing"}
    assert caught.value.data["field"] in {"colour_of_the_sky", required}
    with pytest.raises(Invalid):
        await call(object())
    with pytest.raises(Invalid) as caught:
        await call(1, 2)
    assert caught.value.code == "invalid.arguments"
    if required is not None:
        with pytest.raises(Invalid) as caught:
            await call("x", **{required: "x"})
        assert (caught.value.code, caught.value.data["field"]) == ("invalid.arguments", required)


async def test_what_is_wrong_is_said_with_what_is_meant(memory: AsyncMemory) -> None:
    fields: dict[str, Any] = {"titel": "Send the contract"}
    with pytest.raises(Invalid) as caught:
        await memory.tasks.create("Send the contract", **fields)
    assert caught.value.data["field"] == "titel"
    assert "Did you mean title?" in str(caught.value)
    with pytest.raises(Invalid) as caught:
        await memory.tasks.create("Send it", due_date="soon")
    assert caught.value.data["field"] == "due_date"
    with pytest.raises(Invalid, match="task_id"):
        await memory.tasks.get("not an id")
    mixed: Any = memory.tasks.create
    with pytest.raises(Invalid, match="not both"):
        await mixed(CreateTask(title="Send it"), priority="high")
    with pytest.raises(Invalid, match="title"):
        await mixed(UpdateTask(id=uuid4(), title="Another request"))
    with pytest.raises(AttributeError, match="nothing"):
        memory.tasks.nothing  # type: ignore[attr-defined]  # noqa: B018


async def test_requests_and_fields_are_the_same(memory: AsyncMemory) -> None:
    ada = await memory.people.create(address())
    by_name = await memory.tasks.create("Send it", user_id=str(ada.id), tags=["law"])
    ready = await memory.tasks.create(CreateTask(title="Send it", user_id=ada.id, tags=("law",)))
    same = {"id", "created_at", "updated_at"}
    assert by_name.model_dump(exclude=same) == ready.model_dump(exclude=same)
    changed = await memory.tasks.update(ready.id, description="By post.", expected_version=ready.version)
    assert (changed.title, changed.description) == ("Send it", "By post."), "what is left out stays as it is"
    emptied = await memory.tasks.update(ready.id, description=None)
    assert emptied.description is None
    with pytest.raises(Conflict):
        await memory.tasks.update(ready.id, title="Too late", expected_version=ready.version)
    page = await memory.tasks.list(user_id=ada.id, limit=1)
    rest = await memory.tasks.list(user_id=ada.id, limit=1, cursor=page.next_cursor)
    assert {page.items[0].id, rest.items[0].id} == {by_name.id, ready.id}


async def test_another_organisation_sees_nothing(house: AsyncMemory, memory: AsyncMemory) -> None:
    stranger = await house.organization(new_slug())
    ada = await memory.people.create(address())
    task = await memory.tasks.create("Send it", user_id=ada.id)
    place = (await memory.graph.ensure("place", name="Lisbon")).entity
    for refused in (
        stranger.tasks.get(task.id),
        stranger.tasks.update(task.id, title="Mine"),
        stranger.people.get(ada.id),
        stranger.graph.get(place.id),
        stranger.keys.create("a key", user_id=ada.id),
    ):
        with pytest.raises(NotFound):
            await refused
    assert (await stranger.tasks.list()).items == ()
    assert (await memory.tasks.get(task.id)).title == "Send it"


async def test_times_are_read_as_the_librarys_are(house: AsyncMemory) -> None:
    memory = await living_in(house, "America/New_York")
    ada = await memory.people.create(address(), external_id="ada")
    await memory.set_timezone("Europe/Berlin", user="ada")
    with process_zone("Asia/Tokyo"):
        task = await memory.tasks.create("Send it", user_id=ada.id, reminder_at="2026-03-01T09:00")
        naive = datetime(2026, 3, 1, 9)  # noqa: DTZ001 - the point
        local = await memory.tasks.create("Send it", user_id=ada.id, reminder_at=naive)
    assert task.reminder_at == datetime(2026, 3, 1, 14, tzinfo=UTC), "the setting's zone"
    assert local.reminder_at == datetime(2026, 3, 1, 0, tzinfo=UTC), "the process's zone"
    fields = {"predicate": "lives in", "object": "Bonn", "valid_from": "2026-03-01T09:00"}
    hers = await memory.facts.record("Ada", user="ada", **fields)  # type: ignore[call-overload]
    assert hers.fact.valid_from == datetime(2026, 3, 1, 8, tzinfo=UTC), "the person's zone"


async def test_many_at_once(memory: AsyncMemory) -> None:
    ada = await memory.people.create(address())
    await asyncio.gather(*(memory.tasks.create(f"Task {n}", user_id=ada.id) for n in range(30)))
    assert len((await memory.tasks.list(user_id=ada.id)).items) == 30
    entities = await asyncio.gather(*(memory.graph.ensure("place", name="Lisbon") for _ in range(20)))
    assert len({one.entity.id for one in entities}) == 1


def test_without_await(server: Server, template: str) -> None:
    memory = Memory(database_url=server.url(APP), organization=new_slug())
    ada = memory.people.create(address())
    task = memory.tasks.create("Send it", user_id=ada.id)
    assert memory.tasks is memory.tasks
    memory.close()
    assert memory.tasks.complete(task.id).task.status == "done", "using it again opens it again"
    other = memory.organization(new_slug())
    with pytest.raises(NotFound):
        other.tasks.get(task.id)
    assert memory.tasks.get(task.id).status == "done", "each memory has namespaces of its own"
    memory.close()


async def test_a_forked_child_has_its_own(server: Server, template: str) -> None:
    script = """
m = Memory()
ada = m.people.create("{address}")
m.tasks.create("the parent's", user_id=ada.id)
def work():
    return m.tasks.create("the child's", user_id=ada.id).title
told_by = [heard(*child(work)) for _ in range(2)]
tell([told_by, sorted(task.title for task in m.tasks.list(user_id=ada.id).items)])
"""
    children, titles = await told(script.replace("{address}", address()), **dict(at(server.url(APP), new_slug())))
    assert children == [{"said": "the child's", "code": 0}] * 2
    assert titles == ["the child's", "the child's", "the parent's"]


def test_what_is_not_used_is_not_loaded() -> None:
    code = """
import sys
from mnemon import AsyncMemory, Memory
memory = AsyncMemory(organization="x")
print(*(name for name in sys.modules if name.startswith("mnemon.workspace") or name == "mnemon.graph.service"))
print("AsyncTasks" in repr(type(memory.tasks)), "mnemon.workspace.service" in sys.modules)
print("mnemon.workflow.service" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said == "\nTrue True\nFalse\n"


def test_help_shows_the_arguments() -> None:
    shown = inspect.getdoc(AsyncMemory.tasks.create) or ""  # type: ignore[attr-defined]
    assert shown.startswith("Make a task.\n\nArgs:\n")
    assert "due_time: when it is due, in the person's own time zone; a time needs a date." in shown
    assert ALL["tasks.create"].signature.parameters["priority"].default == "medium"
    assert isinstance(ALL["tasks.create"], Taking)
    assert repr(AsyncMemory("https://example.org").schedules) == "<AsyncSchedules: set, list, remove>"
