"""The verbs of documents and their templates."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from mnemon.context import Context
from mnemon.core.changes import changes
from mnemon.core.errors import Forbidden
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.verbs import verb
from mnemon.workspace.ownership import owner_of, reach_of
from mnemon.workspace.repository import DocumentRepository, TemplateRepository
from mnemon.workspace.schemas import (
    Count,
    CreateDocument,
    CreateTemplate,
    Document,
    ListDocuments,
    ListTemplates,
    Template,
    UpdateDocument,
    UpdateTemplate,
)
from mnemon.workspace.service.common import require_own

_DOCUMENTS = Listing.newest("workspace.list_documents")
_TEMPLATES = Listing("workspace.list_templates", {"name": str, "id": UUID})


@verb("documents:write")
async def create_document(ctx: Context, request: CreateDocument) -> Document:
    """Make a document; without an outline of its own it takes its template's.

    Raises:
        NotFound: the person or the template is not one of this organisation.
    """
    values = request.model_dump(exclude={"user_id", "outline", "context_memory_ids"})
    async with ctx.database.session(ctx.principal) as session:
        outline = request.outline
        if outline is None and request.template_id is not None:
            templates = TemplateRepository(session, ctx.principal.organization_id)
            template = await templates.get_by_id(request.template_id)
            if template is None:
                raise missing("template", request.template_id)
            outline = tuple(template.outline)
        documents = DocumentRepository(session, ctx.principal.organization_id)
        row = await documents.create(
            user_id=owner_of(ctx.principal, request.user_id),
            outline=list(outline or ()),
            context_memory_ids=list(request.context_memory_ids),
            **values,
        )
        await session.refresh(row)
        return from_row(Document, row)


@verb("documents:read")
async def get_document(ctx: Context, document_id: UUID) -> Document:
    """Read a document.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
    """
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        documents = DocumentRepository(session, ctx.principal.organization_id)
        row = await documents.get_owned(document_id, reach_of(ctx.principal, None))
        if row is None:
            raise missing("document", document_id)
        return from_row(Document, row)


@verb("documents:write")
async def update_document(ctx: Context, request: UpdateDocument) -> Document:
    """Change a document.

    Raises:
        NotFound: there is none, or it is not this principal's.
        Conflict: it has another version than the one expected; ``data`` has both.
    """
    async with ctx.database.session(ctx.principal) as session:
        documents = DocumentRepository(session, ctx.principal.organization_id)
        await require_own(ctx, documents, "document", request.id)
        row = await documents.update(
            request.id, expected_version=request.expected_version, **changes(request, empties=True)
        )
        return from_row(Document, row)


@verb("documents:delete")
async def delete_document(ctx: Context, document_id: UUID) -> Count:
    """Delete a document softly.

    Raises:
        NotFound: there is none, or it is not this principal's.
    """
    async with ctx.database.session(ctx.principal) as session:
        documents = DocumentRepository(session, ctx.principal.organization_id)
        await require_own(ctx, documents, "document", document_id)
        return Count(count=int(await documents.delete(document_id)))


@verb("documents:read")
async def list_documents(ctx: Context, request: ListDocuments) -> Page[Document]:
    """List documents, newest first."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        documents = DocumentRepository(session, ctx.principal.organization_id)
        conditions = request.model_dump(exclude={"user_id", "limit", "cursor"})
        query = documents.those(reach_of(ctx.principal, request.user_id), **conditions)
        return await documents.page(_DOCUMENTS, ctx.principal, request, partial(from_row, Document), query=query)


@verb("templates:write")
async def create_template(ctx: Context, request: CreateTemplate) -> Template:
    """Make a template for the organisation."""
    async with ctx.database.session(ctx.principal) as session:
        templates = TemplateRepository(session, ctx.principal.organization_id)
        row = await templates.create(**request.model_dump(exclude={"outline"}), outline=list(request.outline))
        await session.refresh(row)
        return from_row(Template, row)


@verb("templates:read")
async def get_template(ctx: Context, template_id: UUID) -> Template:
    """Read a template.

    Raises:
        NotFound: there is none.
    """
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        row = await TemplateRepository(session, ctx.principal.organization_id).get_by_id(template_id)
        if row is None:
            raise missing("template", template_id)
        return from_row(Template, row)


@verb("templates:write")
async def update_template(ctx: Context, request: UpdateTemplate) -> Template:
    """Change a template.

    Raises:
        NotFound: there is none.
        Conflict: it has another version than the one expected; ``data`` has both.
        Forbidden: it came with the installation.
    """
    async with ctx.database.session(ctx.principal) as session:
        templates = TemplateRepository(session, ctx.principal.organization_id)
        await _changeable(templates, request.id)
        row = await templates.update(
            request.id, expected_version=request.expected_version, **changes(request, empties=True)
        )
        return from_row(Template, row)


@verb("templates:delete")
async def delete_template(ctx: Context, template_id: UUID) -> Count:
    """Delete a template softly; documents made from it stay as they are.

    Raises:
        NotFound: there is none.
        Forbidden: it came with the installation.
    """
    async with ctx.database.session(ctx.principal) as session:
        templates = TemplateRepository(session, ctx.principal.organization_id)
        await _changeable(templates, template_id)
        return Count(count=int(await templates.delete(template_id)))


@verb("templates:read")
async def list_templates(ctx: Context, request: ListTemplates) -> Page[Template]:
    """List templates by name."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        templates = TemplateRepository(session, ctx.principal.organization_id)
        query = templates.those(document_type=request.document_type)
        return await templates.page(_TEMPLATES, ctx.principal, request, partial(from_row, Template), query=query)


async def _changeable(templates: TemplateRepository, template_id: UUID) -> None:
    row = await templates.get_by_id(template_id)
    if row is None:
        raise missing("template", template_id)
    if row.is_system:
        raise Forbidden("This template came with the installation.", code="forbidden.system_template")
