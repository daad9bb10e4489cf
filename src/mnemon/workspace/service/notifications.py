"""The verbs of notifications."""

from __future__ import annotations

from mnemon.context import Context
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.verbs import verb
from mnemon.workspace import repository
from mnemon.workspace.ownership import owner_of
from mnemon.workspace.repository import NotificationRepository
from mnemon.workspace.schemas import Count, Inbox, MarkRead, Notification, Notifications, Notify

_NOTIFICATIONS = Listing.newest("workspace.list_notifications")


@verb("notifications:write")
async def notify(ctx: Context, request: Notify) -> tuple[Notification, ...]:
    """Tell people something; colleagues may tell each other.

    Raises:
        NotFound: somebody is not one of this organisation: nobody is told.
    """
    people = tuple(dict.fromkeys(request.user_ids)) or (owner_of(ctx.principal, None),)
    values = request.model_dump(exclude={"user_ids"})
    async with ctx.database.session(ctx.principal) as session:
        rows = await NotificationRepository(session, ctx.principal.organization_id).add(people, values)
        return tuple(from_row(Notification, row) for row in rows)


@verb("notifications:read")
async def list_notifications(ctx: Context, request: Notifications) -> Inbox:
    """List a person's notifications, newest first, with the number of unread ones (REQ-T140)."""
    owner = owner_of(ctx.principal, request.user_id)
    organization = ctx.principal.organization_id
    after = _NOTIFICATIONS.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.notifications(
            connection,
            organization,
            owner,
            unread_only=request.unread_only,
            before=request.before,
            after=after,
            limit=request.limit + 1,
        )
        unread = await repository.count_unread(connection, organization, owner)
    page = _NOTIFICATIONS.page(ctx.principal, request, rows, lambda row: from_row(Notification, row, "data"))
    return Inbox(items=page.items, next_cursor=page.next_cursor, unread=unread)


@verb("notifications:write")
async def mark_read(ctx: Context, request: MarkRead) -> Count:
    """Mark a person's notifications as read: those named, or all; how many were unread until now."""
    owner = owner_of(ctx.principal, request.user_id)
    async with ctx.database.session(ctx.principal) as session:
        count = await NotificationRepository(session, ctx.principal.organization_id).mark_read(owner, request.ids)
        return Count(count=count)
