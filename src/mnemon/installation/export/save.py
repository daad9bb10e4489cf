"""Export: everything an organisation owns, as it was at one moment, into files that another installation reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mnemon._version import __version__
from mnemon.context import Context
from mnemon.core.errors import NotFound
from mnemon.db.errors import translated
from mnemon.db.tenant import SET_TENANT
from mnemon.installation.export.archive import Draft
from mnemon.installation.export.rules import EXCLUDED, OMITTED
from mnemon.installation.export.schemas import (
    EmbeddingInfo,
    ExportOrganization,
    Manifest,
    Organization,
    TableEntry,
    Trail,
)
from mnemon.installation.export.tables import COPY_OPTIONS, SETTINGS, ExportTable, facts, read_tables
from mnemon.operations.trail import Sealer, verify
from mnemon.verbs import verb

_MODELS = (
    "SELECT DISTINCT embedding_model FROM (SELECT embedding_model FROM messages WHERE organization_id = $1 "
    "UNION SELECT embedding_model FROM memories WHERE organization_id = $1) m WHERE embedding_model IS NOT NULL "
    "ORDER BY 1"
)


@verb("organizations:delete", changes=False)
async def export_organization(ctx: Context, request: ExportOrganization) -> Manifest:
    """Write everything the organisation owns to a directory or a ``.tar`` that is not there yet.

    One transaction that reads one snapshot: what others write meanwhile is not in it, and nobody waits for it. It
    streams: memory does not grow with the organisation. Killed in the middle, nothing has the name that was asked for.

    Raises:
        Forbidden: the principal has not ``organizations:delete``: who takes all with them may do so, who removes all.
        Conflict: the path is there already.
        Invalid: there is no directory to write it in.
    """
    with Draft(request.path, compress=request.compress) as draft:
        async with _snapshot(ctx) as connection:
            tables = await read_tables(connection)
            entries = [await _write(connection, ctx, draft, table, request.vectors) for table in tables]
            manifest = await _manifest(connection, ctx, request, entries)
        await asyncio.to_thread(draft.publish, manifest)
    return manifest


@asynccontextmanager
async def _snapshot(ctx: Context) -> AsyncIterator[Any]:
    """Open the application's own connection, under its policies, in a transaction that sees one moment."""
    with translated():
        pooled = await ctx.database.engine.raw_connection()
        driver: Any = pooled.driver_connection
        try:
            transaction = driver.transaction(isolation="repeatable_read", readonly=True)
            await transaction.start()
            await driver.fetchval(SET_TENANT, *ctx.database.prover.arguments(ctx.principal))
            await driver.execute(SETTINGS)
            yield driver
            await transaction.rollback()  # it has read only
        except BaseException:
            # Perhaps in the middle of a COPY: to end the transaction would be to wait for the rest, which nobody takes.
            driver.terminate()
            pooled.invalidate()
            raise
        finally:
            pooled.close()


async def _write(connection: Any, ctx: Context, draft: Draft, table: ExportTable, vectors: bool) -> TableEntry:
    writer = draft.table(table.name)

    async def take(data: bytes) -> None:
        if writer.add(data):
            await asyncio.to_thread(writer.write)  # hashes and disks are not for the event loop

    try:
        query = table.select(ctx.principal.organization_id, vectors=vectors)
        await connection.copy_from_query(query, output=take, **COPY_OPTIONS)
        return await asyncio.to_thread(writer.finish, table.name, table.keys(vectors=vectors))
    finally:
        writer.close()


async def _manifest(connection: Any, ctx: Context, request: ExportOrganization, entries: list[TableEntry]) -> Manifest:
    organization = ctx.principal.organization_id
    row = await connection.fetchrow("SELECT id, slug, name FROM organizations WHERE id = $1", organization)
    if row is None:
        raise NotFound("There is no such organisation any more.", code="not_found.organization")
    revision, dimensions = await facts(connection)
    models = [model["embedding_model"] for model in await connection.fetch(_MODELS, organization)]
    trail = await verify(connection, organization, None)
    signed = await verify(connection, organization, Sealer(ctx.database.installation))
    return Manifest(
        product=__version__,
        schema_revision=revision,
        exported_at=ctx.clock.now(),
        organization=Organization(id=row["id"], slug=row["slug"], name=row["name"]),
        embedding=EmbeddingInfo(models=tuple(models), dimensions=dimensions, included=request.vectors),
        audit=Trail(
            blocks=trail.blocks,
            broken=trail.broken,
            head=trail.head_hash.hex() if trail.head_hash is not None else None,
            unsigned=max(0, signed.broken - trail.broken),
            missing_before=trail.retained_since if trail.expired else None,
        ),
        compression="gzip" if request.compress else "none",
        tables=tuple(entries),
        left_out=EXCLUDED | {f"{table}.{column}": why for (table, column), why in sorted(OMITTED.items())},
    ).sealed()
