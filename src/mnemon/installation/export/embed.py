"""Vectors for rows that came without, with the embedder of this installation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.db.types import encode_vectors
from mnemon.verbs import verb


@verb("memories:write")
async def embed_waiting(ctx: Context, *, batch: int = 256) -> int:
    """Compute the vectors of rows that wait for one; any number may call it, and killed it goes on where it was.

    Returns:
        How many rows were dealt with.
    """
    embedded = 0
    for table in ("messages", "memories"):
        last: UUID | None = None
        while rows := await _waiting(ctx, table, last, batch):
            last = rows[-1]["id"]
            vectors = encode_vectors(await ctx.embedder.embed([row["content"] for row in rows]))
            async with ctx.database.transaction(ctx.principal) as connection:
                changed = await connection.execute(
                    f"UPDATE {table} t SET embedding = v.embedding, "  # noqa: S608 - ours
                    "embedding_status = CASE WHEN v.embedding IS NULL THEN 'empty' ELSE 'ready' END, "
                    "embedding_model = CASE WHEN v.embedding IS NOT NULL THEN $4::text END "
                    "FROM unnest($2::uuid[], $3::halfvec[]) v(id, embedding) "
                    "WHERE t.organization_id = $1 AND t.id = v.id AND t.embedding_status = 'pending'",
                    ctx.principal.organization_id,
                    [row["id"] for row in rows],
                    vectors,
                    ctx.embedder.name,
                )
            embedded += int(changed.rpartition(" ")[2])
    return embedded


async def _waiting(ctx: Context, table: str, last: UUID | None, batch: int) -> list[Any]:
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        return await connection.fetch(
            f"SELECT id, content FROM {table} WHERE organization_id = $1 "  # noqa: S608 - ours
            "AND embedding_status = 'pending' AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
            ctx.principal.organization_id,
            last,
            batch,
        )
