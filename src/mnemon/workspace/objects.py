"""Where the bytes of assets are: a directory, or an object store by URL; one protocol for both (obstore).

An object is at ``<organisation>/<id>``. It appears whole or not at all, is never changed, and is sealed before it gets
here: whoever reads the store reads nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mnemon.core.errors import Invalid, Unavailable
from mnemon.core.settings import Settings
from mnemon.db import embedded

if TYPE_CHECKING:
    from obstore.store import ObjectStore

#: What a write that was killed leaves of a file in a directory; no listing shows it.
_STAGED = re.compile(r".*#[0-9]+")
_STALE = 86_400.0
_PART = 5 * 1024 * 1024  # the smallest part of S3's uploads
_URL = re.compile(r"[a-z0-9+]+://.+")


class Objects:
    """The object store of the settings.

    Args:
        settings: ``asset_store`` says where; unset, the embedded server's is beside its data directory.

    Raises:
        Unavailable: obstore is not installed, or a server of one's own has no store named.
        Invalid: the address cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            from obstore.exceptions import BaseError
            from obstore.store import LocalStore, from_url
        except ImportError:
            raise Unavailable(
                "Files need the library obstore, which is not installed.",
                code="unavailable.obstore",
                hint="pip install 'mnemon[assets]'",
            ) from None
        self._error: type[Exception] = BaseError
        address = _place(settings)
        self.directory: Path | None = None if isinstance(address, str) else address
        try:
            if isinstance(address, Path):
                address.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._store: ObjectStore = LocalStore(address)
            else:
                options: Any = {"client_options": {"allow_http": True}} if settings.asset_store_http else {}
                self._store = from_url(address, **options)
        except (BaseError, ValueError, OSError) as error:
            raise Invalid(
                f"The store of assets cannot be used: {_first_line(error)}.",
                code="invalid.asset_store",
                hint="MNEMON_ASSET_STORE is a directory, or a URL such as s3://bucket/prefix.",
                field="asset_store",
            ) from None

    async def put(self, organization: UUID, object_id: UUID, chunks: AsyncIterator[bytes]) -> None:
        """Write an object: all of it, or nothing has its name."""
        import obstore

        try:
            await obstore.put_async(
                self._store, _path(organization, object_id), chunks, use_multipart=True, chunk_size=_PART
            )
        except self._error as error:
            raise self._gone(error) from error

    async def get(self, organization: UUID, object_id: UUID) -> AsyncIterator[bytes]:
        """Yield the bytes of an object.

        Raises:
            Unavailable: it is not there, or the store cannot be reached.
        """
        import obstore

        try:
            result = await obstore.get_async(self._store, _path(organization, object_id))
            async for chunk in result.stream(min_chunk_size=1 << 18):
                yield bytes(chunk)
        except FileNotFoundError:
            raise Unavailable(
                "The bytes of this file are not in the store.",
                code="unavailable.asset_missing",
                hint="`mnemon doctor` says which are missing; restore the store from its backup.",
            ) from None
        except self._error as error:
            raise self._gone(error) from error

    async def has(self, organization: UUID, object_id: UUID) -> bool:
        """Tell whether an object is there."""
        import obstore

        try:
            await obstore.head_async(self._store, _path(organization, object_id))
        except FileNotFoundError:
            return False
        except self._error as error:
            raise self._gone(error) from error
        return True

    async def remove(self, organization: UUID, object_id: UUID) -> None:
        """Remove an object; one that is not there is gone already."""
        import obstore

        try:
            await obstore.delete_async(self._store, _path(organization, object_id))
        except FileNotFoundError:
            return
        except self._error as error:
            raise self._gone(error) from error

    async def organizations(self) -> list[UUID]:
        """Return whose objects there are."""
        import obstore

        try:
            listed = await obstore.list_with_delimiter_async(self._store)
        except self._error as error:
            raise self._gone(error) from error
        named = (prefix.strip("/").rpartition("/")[2] for prefix in listed["common_prefixes"])
        return [found for name in named if (found := _id(name)) is not None]

    async def objects(self, organization: UUID) -> AsyncIterator[tuple[UUID, datetime]]:
        """Yield an organisation's objects, and when each was written."""
        import obstore

        try:
            async for batch in obstore.list(self._store, prefix=str(organization)):
                for entry in batch:
                    object_id = _id(entry["path"].rpartition("/")[2])
                    if object_id is not None:
                        yield object_id, entry["last_modified"]
        except self._error as error:
            raise self._gone(error) from error

    def tidy(self) -> int:
        """Remove what writes that were killed a day ago left in a directory; an object store does that by itself."""
        removed = 0
        if self.directory is not None:
            for path in self.directory.glob("*/*"):
                if _STAGED.fullmatch(path.name) and path.stat().st_mtime < time.time() - _STALE:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _gone(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"The store of assets cannot be used now: {_first_line(error)}.",
            code="unavailable.asset_store",
            hint="Look at MNEMON_ASSET_STORE and at the store itself.",
        )


def _place(settings: Settings) -> Path | str:
    address = settings.asset_store
    if address is not None:
        return address if _URL.fullmatch(address) else Path(address).expanduser().absolute()
    if settings.database_url is not None:
        raise Unavailable(
            "There is no store for files.",
            code="unavailable.asset_store",
            hint="Set MNEMON_ASSET_STORE to a directory that all processes share, or to a URL such as s3://bucket.",
        )
    directory = (settings.data_dir or embedded.default_data_dir()).expanduser().absolute()
    return directory.with_name(directory.name + ".assets")


def _path(organization: UUID, object_id: UUID) -> str:
    return f"{organization}/{object_id}"


def _id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _first_line(error: Any) -> str:
    """Say what the store says, in a line: what comes behind it may have headers and keys."""
    return str(error).strip().partition("\n")[0][:200].rstrip(".")
