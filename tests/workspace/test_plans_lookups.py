"""What workspace reads through sessions uses its indexes, for a large tenant and a small one."""

from __future__ import annotations

from functools import partial

import pytest

from mnemon.workspace import service
from mnemon.workspace.schemas import ListDocuments, ListTasks
from tests.plans import SIZES, Crowd, Key
from tests.plans import crowd as crowd


@pytest.mark.parametrize("size", SIZES)
async def test_rows_are_found_by_their_keys(crowd: Crowd, size: str) -> None:
    tenant = crowd.tenant(size)
    await tenant.verb(lambda ctx: service.get_task(ctx, tenant.key(Key("task"))), ("pk_tasks",))
    await tenant.verb(lambda ctx: service.get_document(ctx, tenant.key(Key("document"))), ("pk_documents",))


@pytest.mark.parametrize("size", SIZES)
async def test_a_persons_rows_are_found_by_index(crowd: Crowd, size: str) -> None:
    tenant = crowd.tenant(size)
    user = tenant.key(Key("user"))
    first = await service.list_tasks(tenant.ctx, ListTasks(user_id=user, limit=2))
    for cursor in (None, first.next_cursor):
        asked = ListTasks(user_id=user, limit=20, cursor=cursor)
        await tenant.verb(partial(service.list_tasks, request=asked), ("ix_tasks_due",))
    documents = "ix_documents_user|ix_documents_type|ix_documents_template"
    await tenant.verb(lambda ctx: service.list_documents(ctx, ListDocuments(user_id=user, limit=20)), (documents,))
