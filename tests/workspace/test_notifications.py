"""Notifications: told, listed, read; in monthly partitions (REQ-T140)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Forbidden, NotFound
from mnemon.db.sql import statement
from mnemon.workspace import service
from mnemon.workspace.repository import PACKAGE
from mnemon.workspace.schemas import MarkRead, Notifications, Notify
from tests.workspace.helpers import (
    NOBODY_YET,
    acting,
    indexes,
    people,
    plan,
    refused_field,
    refused_row,
    without_rights,
)


async def test_people_are_told_and_read(ctx: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    about = uuid4()
    for n in range(3):
        told = await service.notify(
            ctx,
            Notify(
                user_ids=(ada, bo, ada),
                type="mention",
                title=f"note {n}",
                data={"n": n},
                resource_type="task",
                resource_id=about,
            ),
        )
        assert [one.user_id for one in told] == [ada, bo]
    as_ada = acting(ctx, ada)
    inbox = await service.list_notifications(as_ada, Notifications(limit=2))
    assert [one.title for one in inbox.items] == ["note 2", "note 1"]
    assert (inbox.unread, inbox.items[0].data, inbox.items[0].resource_id) == (3, {"n": 2}, about)
    rest = await service.list_notifications(as_ada, Notifications(before=inbox.items[-1].created_at))
    assert [one.title for one in rest.items] == ["note 0"]
    assert (await service.mark_read(as_ada, MarkRead(ids=(inbox.items[0].id,)))).count == 1
    assert (await service.mark_read(as_ada, MarkRead(ids=(inbox.items[0].id,)))).count == 0
    unread = await service.list_notifications(as_ada, Notifications(unread_only=True))
    assert ([one.title for one in unread.items], unread.unread) == (["note 1", "note 0"], 2)
    everything = await service.list_notifications(as_ada, Notifications())
    assert everything.items[0].is_read
    assert everything.items[0].read_at is not None
    assert (await service.mark_read(as_ada, MarkRead())).count == 2
    assert (await service.list_notifications(ctx, Notifications(user_id=bo))).unread == 3


async def test_nobody_is_told_if_one_of_them_is_not_there(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    with pytest.raises(NotFound):
        await service.notify(ctx, Notify(user_ids=(ada, uuid4()), type="x"))
    assert (await service.list_notifications(ctx, Notifications(user_id=ada))).unread == 0


async def test_any_date_has_a_place_and_the_list_crosses_partitions(ctx: Context, admin: Any) -> None:
    (ada,) = await people(ctx, "ada")
    now = datetime.now(UTC)
    moments = [now, now - timedelta(days=35), now - timedelta(days=4000), now + timedelta(days=4000)]
    async with ctx.database.transaction(ctx.principal) as connection:
        for moment in moments:
            await connection.execute(
                "INSERT INTO notifications (organization_id, user_id, type, created_at) VALUES ($1, $2, 'x', $3)",
                ctx.principal.organization_id,
                ada,
                moment,
            )
    inbox = await service.list_notifications(ctx, Notifications(user_id=ada))
    assert [one.created_at for one in inbox.items] == sorted(moments, reverse=True)
    places = await admin.fetch(
        "SELECT DISTINCT tableoid::regclass::text AS place FROM notifications WHERE organization_id = $1",
        ctx.principal.organization_id,
    )
    assert "notifications_default" in {row["place"] for row in places}
    assert len(places) == 3
    assert (await service.mark_read(ctx, MarkRead(user_id=ada))).count == 4


@pytest.mark.parametrize(
    ("values", "field"),
    [({"type": ""}, "type"), ({"type": "x" * 51}, "type"), ({"type": "x", "data": {"x": float("nan")}}, "data")],
)
def test_the_schema_names_the_field(values: dict[str, Any], field: str) -> None:
    assert refused_field(Notify, **values)[1] == field


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"type": "' '"}, "invalid.type", "type"),
        ({"type": "'x'", "read_at": "now()"}, "invalid.read_at", "read_at"),
        ({"type": "'x'", "user_id": f"'{NOBODY_YET}'"}, "not_found.reference", "user_id"),
    ],
)
async def test_the_database_refuses_it_too(ctx: Context, values: dict[str, str], code: str, field: str) -> None:
    (ada,) = await people(ctx, "ada")
    error = await refused_row(ctx, "notifications", **{"user_id": f"'{ada}'", **values})
    assert (error.code, error.data["field"]) == (code, field)


async def test_others_reach_nothing(ctx: Context, other: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    (told,) = await service.notify(ctx, Notify(user_ids=(ada,), type="x"))
    with pytest.raises(NotFound):
        await service.notify(other, Notify(user_ids=(ada,), type="x"))
    for who in (other, acting(ctx, bo)):
        mine = ada if who is other else bo
        assert not (await service.list_notifications(who, Notifications(user_id=mine))).items
        assert (await service.mark_read(who, MarkRead(user_id=mine, ids=(told.id,)))).count == 0
    with pytest.raises(Forbidden):
        await service.list_notifications(acting(ctx, bo), Notifications(user_id=ada))
    assert (await service.list_notifications(ctx, Notifications(user_id=ada))).unread == 1


async def test_every_verb_wants_its_permission(ctx: Context) -> None:
    nobody = without_rights(ctx)
    for attempt in (
        service.notify(nobody, Notify(type="x")),
        service.list_notifications(nobody, Notifications()),
        service.mark_read(nobody, MarkRead()),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_the_inbox_reads_its_indexes(ctx: Context, admin: Any) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute(
            "INSERT INTO notifications (organization_id, user_id, type, is_read, created_at) "
            "SELECT $1, CASE WHEN n % 20 = 0 THEN $2::uuid ELSE $3::uuid END, 'x', n % 100 <> 0, "
            "now() - n * interval '5 seconds' FROM generate_series(1, 6000) AS n RETURNING id",
            ctx.principal.organization_id,
            ada,
            bo,
        )
    await admin.execute("ANALYZE notifications")
    scope = (ctx.principal.organization_id, ada)
    full = await admin.fetchval(
        "SELECT tableoid::regclass::text FROM notifications WHERE organization_id = $1 "
        "GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
        scope[0],
    )
    for name, expected in (
        ("notifications", "ix_notifications_user"),
        ("unread_notifications", "ix_notifications_unread"),
        ("count_unread", "ix_notifications_unread"),
    ):
        found = await plan(
            ctx, statement(PACKAGE, name), *(scope if name == "count_unread" else (*scope, None, None, None, 20))
        )
        parents = await admin.fetch(
            "SELECT h.inhparent::regclass::text AS parent FROM pg_inherits h "
            "JOIN pg_index i ON i.indexrelid = h.inhrelid "
            "WHERE i.indrelid = $1::text::regclass AND h.inhrelid::regclass::text = ANY($2)",
            full,
            sorted(indexes(found)),
        )
        assert [row["parent"] for row in parents] == [expected], name
