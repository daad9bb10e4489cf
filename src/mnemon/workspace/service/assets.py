"""The verbs of files: their rows here, their bytes sealed in the object store."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from mnemon.context import Context
from mnemon.core.crypto import parse_keys
from mnemon.core.errors import Forbidden, Invalid, MnemonError
from mnemon.core.ids import new_id
from mnemon.core.pages import Page
from mnemon.core.sealing import seal, unseal
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.jobs import service as jobs
from mnemon.verbs import verb
from mnemon.workspace.models import ASSET_LIMIT, AssetORM
from mnemon.workspace.objects import Objects
from mnemon.workspace.ownership import owner_of, reach_of
from mnemon.workspace.repository import AssetRepository
from mnemon.workspace.schemas import Count
from mnemon.workspace.schemas_assets import (
    INLINE,
    Asset,
    AssetContent,
    ListAssets,
    NewAsset,
    PutAsset,
    SweepAssets,
    Swept,
)
from mnemon.workspace.service.common import require_own

_ASSETS = Listing.newest("workspace.list_assets")
#: Of a file that is being written, the object is there before the row: for so long nobody takes it for an orphan.
GRACE = timedelta(hours=1)
_BATCH = 500


class _Counted:
    """Bytes on their way: how many, and their hash."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = chunks
        self._hash = hashlib.sha256()
        self.size = 0
        self.problem: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes; what goes wrong on the way is kept, since the store tells it in words of its own."""
        try:
            async for chunk in self._chunks:
                self.size += len(chunk)
                self._hash.update(chunk)
                _refuse_more(self.size)
                yield chunk
        except Exception as error:
            self.problem = error
            raise

    @property
    def sha256(self) -> bytes:
        return self._hash.digest()


def _refuse_more(size: int) -> None:
    if size > ASSET_LIMIT:
        raise Invalid(f"A file has at most {ASSET_LIMIT:,} bytes.", code="invalid.too_large", field="data")


async def store_asset(ctx: Context, request: NewAsset, content: AsyncIterable[bytes]) -> Asset:
    """Keep a file whose bytes come one after the other: its row is there once all of them are.

    Args:
        ctx: who keeps it.
        request: what it is.
        content: its bytes; nothing of a stream that breaks off is kept.

    Raises:
        Forbidden: the principal has not documents:write, or it is for somebody else.
        NotFound: the person, or what it is to belong to, is not one of this organisation.
        Invalid: it is too large.
        Unavailable: there is no key, no store, or the store cannot be reached.
    """
    ctx.principal.require("documents:write")
    organization, owner = ctx.principal.organization_id, owner_of(ctx.principal, request.user_id)
    objects, object_id, counted = Objects(ctx.settings), new_id(), _Counted(content)
    try:
        try:
            await objects.put(organization, object_id, seal(counted, _keys(ctx), _purpose(organization, object_id)))
        except Exception:
            if counted.problem is not None:
                raise counted.problem from None
            raise
        row, written = await _record(ctx, objects, request, owner, object_id, counted)
    except BaseException:
        with contextlib.suppress(MnemonError):
            await objects.remove(organization, object_id)
        raise
    if written != object_id:  # the same file is there already
        await objects.remove(organization, object_id)
    return row


async def _record(
    ctx: Context, objects: Objects, request: NewAsset, owner: UUID, object_id: UUID, counted: _Counted
) -> tuple[Asset, UUID]:
    """Write the row of a file whose bytes are there; return it, and the object that it has."""
    async with ctx.database.session(ctx.principal) as session:
        await _lock(session)
        assets = AssetRepository(session, ctx.principal.organization_id)
        same = await assets.same(counted.sha256, counted.size)
        if same is not None and await objects.has(ctx.principal.organization_id, same):
            object_id = same
        row = await assets.create(
            **request.model_dump(include=set(NewAsset.model_fields) - {"user_id"}),
            user_id=owner,
            size_bytes=counted.size,
            sha256=counted.sha256,
            object_id=object_id,
        )
        await session.refresh(row)
        return _asset(row), object_id


async def open_asset(ctx: Context, asset_id: UUID) -> tuple[Asset, AsyncIterator[bytes]]:
    """Return a file and its bytes, one after the other.

    Args:
        ctx: who reads.
        asset_id: which file.

    Raises:
        Forbidden: the principal has not documents:read.
        NotFound: there is none, or it is not this principal's to see.
        Unavailable: the bytes, the key or the store are missing; while the bytes are read.
    """
    ctx.principal.require("documents:read")
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        row = await AssetRepository(session, organization).get_owned(asset_id, reach_of(ctx.principal, None))
        if row is None:
            raise missing("asset", asset_id)
    sealed = Objects(ctx.settings).get(organization, row.object_id)
    return _asset(row), unseal(sealed, _keys(ctx), _purpose(organization, row.object_id))


@verb("documents:write")
async def put_asset(ctx: Context, request: PutAsset) -> Asset:
    """Keep a file of at most 8 MB; the same bytes are stored once in an organisation.

    Raises:
        NotFound: the person, or what it is to belong to, is not one of this organisation.
        Unavailable: there is no key, no store, or the store cannot be reached.
    """

    async def content() -> AsyncIterator[bytes]:
        yield request.data

    return await store_asset(ctx, request, content())


@verb("documents:read")
async def read_asset(ctx: Context, asset_id: UUID) -> AssetContent:
    """Read a file with its bytes, of at most 8 MB.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
        Invalid: it is larger: it has to be streamed.
        Unavailable: the bytes, the key or the store are missing.
    """
    asset, content = await open_asset(ctx, asset_id)
    if asset.size_bytes > INLINE:
        raise Invalid(
            f"The file has {asset.size_bytes:,} bytes.", code="invalid.too_large", hint="Stream it.", field="asset_id"
        )
    data = b"".join([chunk async for chunk in content])
    return AssetContent(asset=asset, data=data)


@verb("documents:read")
async def get_asset(ctx: Context, asset_id: UUID) -> Asset:
    """Read what a file is, without its bytes.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
    """
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        assets = AssetRepository(session, ctx.principal.organization_id)
        row = await assets.get_owned(asset_id, reach_of(ctx.principal, None))
        if row is None:
            raise missing("asset", asset_id)
        return _asset(row)


@verb("documents:read")
async def list_assets(ctx: Context, request: ListAssets) -> Page[Asset]:
    """List files, newest first."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        assets = AssetRepository(session, ctx.principal.organization_id)
        held_by = request.model_dump(include={"conversation_id", "message_id", "memory_id", "document_id"})
        query = assets.those(reach_of(ctx.principal, request.user_id), **held_by)
        return await assets.page(_ASSETS, ctx.principal, request, _asset, query=query)


@verb("documents:delete")
async def delete_asset(ctx: Context, asset_id: UUID) -> Count:
    """Delete a file softly; its bytes go soon, unless another file has the same.

    Raises:
        NotFound: there is none, or it is not this principal's.
    """
    async with ctx.database.session(ctx.principal) as session:
        assets = AssetRepository(session, ctx.principal.organization_id)
        await require_own(ctx, assets, "asset", asset_id)
        return Count(count=int(await assets.delete(asset_id)))


@verb("documents:delete")
async def sweep_assets(ctx: Context, request: SweepAssets) -> Swept:
    """Remove from the store what no file of the organisation has.

    Raises:
        Forbidden: it is not the organisation's own process.
        Unavailable: there is no store, or it cannot be reached.
    """
    if not ctx.principal.is_organization:
        raise Forbidden("Sweeping is the organisation's own work.", code="forbidden.owner")
    objects = Objects(ctx.settings)
    if request.objects:
        return Swept(removed=await _sweep(ctx, objects, request.objects))
    before = ctx.clock.now() - GRACE
    old = [object_id async for object_id, at in objects.objects(ctx.principal.organization_id) if at < before]
    removed = 0
    for begin in range(0, len(old), _BATCH):
        removed += await _sweep(ctx, objects, old[begin : begin + _BATCH])
    return Swept(removed=removed)


async def _sweep(ctx: Context, objects: Objects, these: Sequence[UUID]) -> int:
    """Remove those that no file has, while nobody can begin to have one of them."""
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal) as session:
        await _lock(session)
        orphans = set(these) - await AssetRepository(session, organization).kept(these)
        for object_id in orphans:
            await objects.remove(organization, object_id)
    return len(orphans)


@verb("operations:maintain", changes=False, installation=True)  # nothing in the database
async def sweep_unowned_assets(ctx: Context) -> Swept:
    """Remove from the store what belongs to organisations that are no more, and what broken writes left.

    Raises:
        Unavailable: there is no store, or it cannot be reached.
    """
    objects = Objects(ctx.settings)
    before = ctx.clock.now() - GRACE
    stored = await objects.organizations()
    living = {organization async for organization in jobs.every_organization(ctx)}
    removed = objects.tidy()
    for organization in set(stored) - living:
        for object_id in [orphan async for orphan, at in objects.objects(organization) if at < before]:
            await objects.remove(organization, object_id)
            removed += 1
    return Swept(removed=removed)


async def _lock(session: AsyncSession) -> None:
    """Wait until nobody else writes or sweeps files of the organisation."""
    await session.execute(text("SELECT lock_tenant('assets')"))


def _asset(row: AssetORM) -> Asset:
    return from_row(Asset, row, sha256=row.sha256.hex())


def _keys(ctx: Context) -> tuple[bytes, ...]:
    key = ctx.settings.secret_key
    return parse_keys(key.get_secret_value()) if key is not None else ()


def _purpose(organization: UUID, object_id: UUID) -> str:
    return f"{organization}:{object_id}"
