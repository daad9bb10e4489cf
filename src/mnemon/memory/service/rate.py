"""rate: whether what was said was good, as somebody says who was told it."""

from __future__ import annotations

from mnemon.context import Context
from mnemon.core.errors import Invalid
from mnemon.db.params import Params
from mnemon.db.rows import missing
from mnemon.memory.columns import MEMORIES, MESSAGES
from mnemon.memory.items import as_items, select_items
from mnemon.memory.schemas import Item, Rate
from mnemon.memory.visibility import visible
from mnemon.memory.wholes import rows_of
from mnemon.verbs import verb


@verb("memories:write")
async def rate(ctx: Context, request: Rate) -> Item:
    """Record how a message is rated and why; said again, it replaces both, and None takes them back.

    Of a text in parts any part stands for the whole.

    Raises:
        NotFound: there is no such message, it was forgotten, or it is not this principal's to see.
        Invalid: the id is a memory's: its importance or confidence is changed instead.
    """
    async with ctx.database.transaction(ctx.principal) as connection:
        params = Params(ctx.principal.organization_id, request.message_id, request.rating, request.comment)
        changed = await connection.fetchval(
            "UPDATE messages t SET feedback_rating = $3::text, feedback_comment = $4::text "  # noqa: S608 - ours
            f"WHERE t.organization_id = $1 AND {rows_of(MESSAGES, 'ARRAY[$2::uuid]')} AND t.deleted_at IS NULL "
            f"AND {visible(ctx.principal, 'message', params)} RETURNING t.id",
            *params.values,
        )
        if changed is None:
            params = Params(ctx.principal.organization_id, request.message_id)
            rule = f"t.id = $2 AND t.deleted_at IS NULL AND {visible(ctx.principal, 'memory', params)}"
            if await connection.fetchrow(select_items(MEMORIES, rule), *params.values) is not None:
                raise Invalid(
                    "A memory is not rated: ratings are of what was said.",
                    code="invalid.not_a_message",
                    hint="Change its importance or confidence with update.",
                    field="message_id",
                )
            raise missing("message", request.message_id)
        row = await connection.fetchrow(
            select_items(MESSAGES, "t.id = $2"), ctx.principal.organization_id, request.message_id
        )
        return (await as_items(ctx, connection, [row]))[0]
