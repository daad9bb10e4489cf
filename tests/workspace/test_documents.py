"""Documents and templates: every verb, what is refused, others."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, NotFound
from mnemon.workspace import service
from mnemon.workspace.schemas import (
    CreateDocument,
    CreateTemplate,
    ListDocuments,
    ListTemplates,
    UpdateDocument,
    UpdateTemplate,
)
from tests.workspace.helpers import NOBODY_YET, acting, people, refused_field, refused_row, without_rights


async def test_a_document_takes_its_templates_outline(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    template = await service.create_template(
        ctx, CreateTemplate(name="Minutes", document_type="minutes", outline=("Present", "Decided"))
    )
    memories = (uuid4(), uuid4())
    made = await service.create_document(
        ctx,
        CreateDocument(
            user_id=ada,
            document_type="minutes",
            title="Monday",
            template_id=template.id,
            context_memory_ids=memories,
        ),
    )
    assert (made.outline, made.status, made.template_id) == (("Present", "Decided"), "draft", template.id)
    assert made.context_memory_ids == memories
    own = await service.create_document(
        ctx, CreateDocument(user_id=ada, document_type="minutes", title="x", template_id=template.id, outline=())
    )
    assert own.outline == ()
    assert await service.get_document(ctx, made.id) == made
    changed = await service.update_document(
        ctx, UpdateDocument(id=made.id, expected_version=1, content="All agreed.", status="ready")
    )
    assert (changed.content, changed.status, changed.outline, changed.version) == (
        "All agreed.",
        "ready",
        made.outline,
        2,
    )
    with pytest.raises(Conflict) as caught:
        await service.update_document(ctx, UpdateDocument(id=made.id, expected_version=1, title="x"))
    assert caught.value.data == {"expected_version": 1, "current_version": 2}
    listed = (
        await service.list_documents(ctx, ListDocuments(user_id=ada, status=("ready",), document_type="minutes"))
    ).items
    assert [one.id for one in listed] == [made.id]
    assert (await service.delete_document(ctx, made.id)).count == 1
    with pytest.raises(NotFound):
        await service.get_document(ctx, made.id)
    with pytest.raises(NotFound) as missing:
        await service.create_document(
            ctx, CreateDocument(user_id=ada, document_type="x", title="x", template_id=uuid4())
        )
    assert missing.value.code == "not_found.template"


async def test_templates(ctx: Context) -> None:
    made = await service.create_template(ctx, CreateTemplate(name="Letter", document_type="letter"))
    await service.create_template(ctx, CreateTemplate(name="Invoice", document_type="invoice"))
    assert await service.get_template(ctx, made.id) == made
    changed = await service.update_template(
        ctx, UpdateTemplate(id=made.id, expected_version=1, instructions="Be brief.", outline=("Greeting",))
    )
    assert (changed.instructions, changed.outline, changed.version) == ("Be brief.", ("Greeting",), 2)
    with pytest.raises(Conflict):
        await service.update_template(ctx, UpdateTemplate(id=made.id, expected_version=1, name="x"))
    assert [one.name for one in (await service.list_templates(ctx, ListTemplates())).items] == ["Invoice", "Letter"]
    assert [one.name for one in (await service.list_templates(ctx, ListTemplates(document_type="letter"))).items] == [
        "Letter"
    ]
    await service.delete_template(ctx, made.id)
    with pytest.raises(NotFound):
        await service.get_template(ctx, made.id)


async def test_what_came_with_the_installation_stays(ctx: Context) -> None:
    made = await service.create_template(ctx, CreateTemplate(name="Letter", document_type="letter"))
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute("UPDATE document_templates SET is_system = true WHERE id = $1", made.id)
    for attempt in (
        service.update_template(ctx, UpdateTemplate(id=made.id, name="x")),
        service.delete_template(ctx, made.id),
    ):
        with pytest.raises(Forbidden) as caught:
            await attempt
        assert caught.value.code == "forbidden.system_template"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": ""}, "title"),
        ({"document_type": " "}, "document_type"),
        ({"document_type": "x" * 51}, "document_type"),
        ({"status": "lost"}, "status"),
        ({"outline": [""]}, "outline.0"),
        ({"content": "\ud800"}, "content"),
    ],
)
def test_the_schema_names_the_field(values: dict[str, Any], field: str) -> None:
    assert refused_field(CreateDocument, **{"title": "x", "document_type": "x", **values})[1] == field


@pytest.mark.parametrize(
    ("table", "values", "code", "field"),
    [
        ("documents", {"status": "'lost'"}, "invalid.status", "status"),
        ("documents", {"title": "''"}, "invalid.title", "title"),
        ("documents", {"document_type": "''"}, "invalid.document_type", "document_type"),
        ("documents", {"template_id": f"'{NOBODY_YET}'"}, "not_found.reference", "template_id"),
        ("documents", {"user_id": "NULL"}, "invalid.required", "user_id"),
        ("document_templates", {"name": "' '"}, "invalid.name", "name"),
    ],
)
async def test_the_database_refuses_it_too(
    ctx: Context, table: str, values: dict[str, str], code: str, field: str
) -> None:
    (ada,) = await people(ctx, "ada")
    row = {"document_type": "'x'"} | (
        {"user_id": f"'{ada}'", "title": "'x'"} if table == "documents" else {"name": "'x'"}
    )
    error = await refused_row(ctx, table, **(row | values))
    assert (error.code, error.data["field"]) == (code, field)


async def test_others_reach_nothing(ctx: Context, other: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    document = await service.create_document(acting(ctx, ada), CreateDocument(document_type="x", title="x"))
    template = await service.create_template(ctx, CreateTemplate(name="x", document_type="x"))
    for who in (other, acting(ctx, bo)):
        for attempt in (
            service.get_document(who, document.id),
            service.update_document(who, UpdateDocument(id=document.id, title="mine")),
            service.delete_document(who, document.id),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert not (await service.list_documents(who, ListDocuments())).items
    for theirs in (
        service.get_template(other, template.id),
        service.update_template(other, UpdateTemplate(id=template.id, name="mine")),
        service.delete_template(other, template.id),
        service.create_document(other, CreateDocument(user_id=ada, document_type="x", title="x")),
    ):
        with pytest.raises(NotFound):
            await theirs
    assert not (await service.list_templates(other, ListTemplates())).items
    assert await service.get_document(ctx, document.id) == document
    assert await service.get_template(ctx, template.id) == template


async def test_every_verb_wants_its_permission(ctx: Context) -> None:
    nobody, row = without_rights(ctx), uuid4()
    for attempt in (
        service.create_document(nobody, CreateDocument(document_type="x", title="x")),
        service.get_document(nobody, row),
        service.update_document(nobody, UpdateDocument(id=row, title="x")),
        service.delete_document(nobody, row),
        service.list_documents(nobody, ListDocuments()),
        service.create_template(nobody, CreateTemplate(name="x", document_type="x")),
        service.get_template(nobody, row),
        service.update_template(nobody, UpdateTemplate(id=row, name="x")),
        service.delete_template(nobody, row),
        service.list_templates(nobody, ListTemplates()),
    ):
        with pytest.raises(Forbidden):
            await attempt
