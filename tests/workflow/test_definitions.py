"""Definitions: a graph without circles, changed as a draft only, and only forward."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.identity import service as identity
from mnemon.workflow import service
from mnemon.workflow.graph import order
from mnemon.workflow.schemas import DefineWorkflow, MoveWorkflow, UpdateWorkflow, Workflow, WorkflowQuery
from tests.knowledge.factories import raw, refusal
from tests.workflow.factories import active, define

INSERT = "INSERT INTO workflows (organization_id, name, steps, dependencies) VALUES ($1, 'raw', $2::jsonb, $3::jsonb)"


async def test_every_field_comes_back(ctx: Context) -> None:
    async with ctx.database.transaction(ctx.principal) as connection:
        user = (await identity.ensure_users(connection, ctx.principal.organization_id, ["ada"]))["ada"]
    mine = ctx.as_principal(replace(ctx.principal, user_id=user))
    steps = [
        {"name": "write", "action": "llm", "parameters": {"model": "x", "deep": [1, None]}, "timeout_seconds": 30},
        {"name": "check", "action": "run", "parameters": {}, "timeout_seconds": None},
    ]
    request = {"name": "publish", "description": "d", "steps": steps, "dependencies": {"write": ["check"]}}
    made = await service.define_workflow(mine, parse(DefineWorkflow, request))
    assert made == await service.get_workflow(ctx, made.id)
    assert (made.name, made.description, list(made.steps)) == ("publish", "d", steps)
    assert (made.dependencies, made.order) == ({"write": ("check",)}, ("check", "write"))
    assert (made.status, made.created_by, made.version) == ("draft", user, 1)


async def test_a_definition_goes_forward_only(ctx: Context) -> None:
    made = await define(ctx)
    done = await service.activate_workflow(ctx, MoveWorkflow(id=made.id, expected_version=1))
    assert (done.status, done.version) == ("active", 2)
    error = await refusal(service.activate_workflow(ctx, MoveWorkflow(id=made.id)), Conflict)
    assert (error.code, error.data["status"], error.data["wanted"]) == ("conflict.workflow_status", "active", "active")
    error = await refusal(service.archive_workflow(ctx, MoveWorkflow(id=made.id, expected_version=1)), Conflict)
    assert error.code == "conflict.version"
    assert (error.data["expected_version"], error.data["current_version"]) == (1, 2)
    assert (await service.archive_workflow(ctx, MoveWorkflow(id=made.id))).status == "archived"
    for verb in (service.activate_workflow, service.archive_workflow):
        assert (await refusal(verb(ctx, MoveWorkflow(id=made.id)), Conflict)).code == "conflict.workflow_status"
    draft = await define(ctx)
    assert (await service.archive_workflow(ctx, MoveWorkflow(id=draft.id))).status == "archived"


async def test_a_move_happens_once(ctx: Context) -> None:
    made = await define(ctx)
    attempts = [service.activate_workflow(ctx, MoveWorkflow(id=made.id)) for _ in range(5)]
    done = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(one, Workflow) for one in done) == 1
    assert sum(isinstance(one, Conflict) for one in done) == 4


async def test_a_draft_changes_and_what_is_active_keeps_its_steps(ctx: Context) -> None:
    made = await define(ctx, "a", "b", dependencies={"b": ["a"]})
    changed = await service.update_workflow(ctx, parse(UpdateWorkflow, {"id": made.id, "steps": [{"name": "c"}]}))
    assert ([step["name"] for step in changed.steps], changed.dependencies) == (["c"], {})
    assert (changed.name, changed.version) == ("publish", 2)
    error = await refusal(
        service.update_workflow(ctx, UpdateWorkflow(id=made.id, name="x", expected_version=1)), Conflict
    )
    assert (error.data["expected_version"], error.data["current_version"]) == (1, 2)
    await service.activate_workflow(ctx, MoveWorkflow(id=made.id))
    request = parse(UpdateWorkflow, {"id": made.id, "steps": [{"name": "d"}]})
    error = await refusal(service.update_workflow(ctx, request), Conflict)
    assert (error.code, error.data["status"]) == ("conflict.workflow_status", "active")
    renamed = await service.update_workflow(ctx, UpdateWorkflow(id=made.id, name="issue", description="new"))
    assert (renamed.name, renamed.description, renamed.status) == ("issue", "new", "active")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "invalid.no_change"),
        ({"dependencies": {"c": []}}, "invalid.steps_required"),
    ]
    for fields, code in wrong:
        error = await refusal(service.update_workflow(ctx, parse(UpdateWorkflow, {"id": made.id, **fields})), Invalid)
        assert error.code == code


async def test_a_deleted_definition_is_gone(ctx: Context) -> None:
    made = await define(ctx)
    error = await refusal(service.delete_workflow(ctx, MoveWorkflow(id=made.id, expected_version=3)), Conflict)
    assert error.code == "conflict.version"
    await service.delete_workflow(ctx, MoveWorkflow(id=made.id))
    for attempt in (
        service.get_workflow(ctx, made.id),
        service.activate_workflow(ctx, MoveWorkflow(id=made.id)),
        service.update_workflow(ctx, UpdateWorkflow(id=made.id, name="x")),
        service.delete_workflow(ctx, MoveWorkflow(id=uuid4())),
    ):
        await refusal(attempt, NotFound)
    assert (await service.list_workflows(ctx, WorkflowQuery())).items == ()


async def test_definitions_are_listed_newest_first(ctx: Context) -> None:
    made = [(await (active if n % 2 else define)(ctx, name=f"w{n}")).name for n in range(5)]

    async def names(**conditions: Any) -> list[str]:
        found = []
        while True:
            page = await service.list_workflows(ctx, parse(WorkflowQuery, {"limit": 2, **conditions}))
            found += [one.name for one in page.items]
            if page.next_cursor is None:
                return found
            conditions["cursor"] = page.next_cursor

    assert await names() == made[::-1]
    assert await names(status="active") == ["w3", "w1"]
    assert await names(status="archived") == []
    error = await refusal(service.list_workflows(ctx, WorkflowQuery(cursor="nonsense")), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.cursor", "cursor")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"name": " "}, "invalid.blank", "name"),
        ({"name": "x" * 101}, "invalid.string_too_long", "name"),
        ({"steps": []}, "invalid.too_short", "steps"),
        ({"steps": [{"name": f"s{n}"} for n in range(201)]}, "invalid.too_long", "steps"),
        ({"steps": [{"action": "run"}]}, "invalid.missing", "steps.0.name"),
        ({"steps": [{"name": "a"}, {"name": "a"}]}, "invalid.duplicate_step", "steps"),
        ({"steps": [{"name": "a", "colour": 1}]}, "invalid.unknown_field", "steps.0.colour"),
        ({"steps": [{"name": "a", "timeout_seconds": 0}]}, "invalid.greater_than_equal", "steps.0.timeout_seconds"),
        ({"dependencies": {"z": []}}, "invalid.unknown_step", "dependencies"),
        ({"dependencies": {"a": ["z"]}}, "invalid.unknown_step", "dependencies"),
        ({"dependencies": {"a": ["a"]}}, "invalid.cycle", "dependencies"),
        ({"dependencies": {"a": ["b"], "b": ["c"], "c": ["a"]}}, "invalid.cycle", "dependencies"),
        ({"dependencies": {"a": "b"}}, "invalid.tuple_type", "dependencies.a"),
        ({"dependencies": []}, "invalid.dict_type", "dependencies"),
    ],
)
def test_the_schema_names_what_is_wrong(fields: dict[str, Any], code: str, field: str) -> None:
    good = {"name": "w", "steps": [{"name": name} for name in "abc"]}
    with pytest.raises(Invalid) as caught:
        parse(DefineWorkflow, {**good, **fields})
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


@pytest.mark.parametrize(
    ("steps", "dependencies", "field"),
    [
        ({}, {}, "steps"),
        ([], {}, "steps"),
        ([{"name": f"s{n}"} for n in range(201)], {}, "steps"),
        ([{"action": "run"}], {}, "steps"),
        ([{"name": 3}], {}, "steps"),
        ([3], {}, "steps"),
        ([{"name": "a"}, {"name": "a"}], {}, "steps"),
        ([{"name": "a"}], [], "dependencies"),
        ([{"name": "a"}], {"z": []}, "dependencies"),
        ([{"name": "a"}], {"a": ["z"]}, "dependencies"),
        ([{"name": "a"}], {"a": [1]}, "dependencies"),
        ([{"name": "a"}], {"a": "a"}, "dependencies"),
        ([{"name": "a"}], {"a": ["a"]}, "dependencies"),
        ([{"name": "a"}, {"name": "b"}], {"a": ["b"], "b": ["a"]}, "dependencies"),
    ],
)
async def test_the_database_itself_refuses_a_graph(ctx: Context, steps: Any, dependencies: Any, field: str) -> None:
    error = await refusal(
        raw(ctx, INSERT, ctx.principal.organization_id, json.dumps(steps), json.dumps(dependencies)), Invalid
    )
    assert (error.code, error.data["field"]) == (f"invalid.{field}", field)


@pytest.mark.parametrize(
    ("state", "change", "kind", "code", "field"),
    [
        ("draft", "status = 'lost'", Invalid, "invalid.status", "status"),
        ("draft", "name = ''", Invalid, "invalid.name_not_blank", "name"),
        ("draft", "steps = NULL", Invalid, "invalid.required", "steps"),
        ("active", "status = 'draft'", Conflict, "conflict.integrity", "status"),
        ("active", 'steps = \'[{"name": "z"}]\'', Conflict, "conflict.integrity", "steps"),
        ("archived", "status = 'active'", Conflict, "conflict.integrity", "status"),
    ],
)
async def test_the_database_itself_refuses_a_change(
    ctx: Context, state: str, change: str, kind: Any, code: str, field: str
) -> None:
    made = await define(ctx) if state == "draft" else await active(ctx)
    if state == "archived":
        await service.archive_workflow(ctx, MoveWorkflow(id=made.id))
    query = f"UPDATE workflows SET {change} WHERE organization_id = $1 AND id = $2"
    error = await refusal(raw(ctx, query, ctx.principal.organization_id, made.id), kind)
    assert (error.code, error.data["field"]) == (code, field)


NAMES = st.sampled_from("abcdef")


@settings(max_examples=40)
@given(
    steps=st.lists(NAMES, min_size=1, max_size=6),
    dependencies=st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=6),
)
async def test_schema_and_database_agree_on_every_graph(
    ctx: Context, steps: list[str], dependencies: dict[str, list[str]]
) -> None:
    """What one lets in the other does; what is let in has an order that keeps every dependency."""
    data = {"name": "w", "steps": [{"name": name} for name in steps], "dependencies": dependencies}
    try:
        parse(DefineWorkflow, data)
    except Invalid as error:
        expected: str | None = error.data["field"]
    else:
        expected = None
        found = order(steps, dependencies)
        assert sorted(found) == sorted(steps)
        assert all(found.index(one) < found.index(step) for step, needed in dependencies.items() for one in needed)
    insert = raw(
        ctx, INSERT, ctx.principal.organization_id, json.dumps(data["steps"]), json.dumps(data["dependencies"])
    )
    if expected is None:
        await insert
    else:
        assert (await refusal(insert, Invalid)).data["field"] == expected
