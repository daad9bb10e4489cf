"""Where an import writes to: the database that this process has open, or whatever else keeps what is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import Checkpoint
from mnemon.memory import service as memory
from mnemon.memory.schemas import Remember, Remembered


class Sink(Protocol):
    """What an import writes to."""

    @property
    def timezone(self) -> str | None:
        """The zone of times that name none, as the settings have it."""
        ...

    def now(self) -> datetime:
        """Return the present moment."""
        ...

    async def checkpoints(self, source: str) -> tuple[Checkpoint, ...]:
        """Return how far imports of this source have come."""
        ...

    async def prepare(self, request: Remember) -> Any:
        """Do what can be done before anything is written; the batch before may be written meanwhile."""
        ...

    async def write(self, prepared: Any, checkpoint: Checkpoint) -> Remembered:
        """Write what was prepared, and how far the import has come with it: both or neither."""
        ...


class DatabaseSink:
    """The database that this process has open.

    Args:
        ctx: whose memory it goes into.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @property
    def timezone(self) -> str | None:
        """The zone of times that name none, as the settings have it."""
        return self._ctx.settings.timezone

    def now(self) -> datetime:
        """Return the present moment."""
        return self._ctx.clock.now()

    async def checkpoints(self, source: str) -> tuple[Checkpoint, ...]:
        """Return how far imports of this source have come."""
        return await conversations.checkpoints(self._ctx, source)

    async def prepare(self, request: Remember) -> memory.Prepared:
        """Embed what is to be written."""
        return await memory.prepare(self._ctx, request)

    async def write(self, prepared: memory.Prepared, checkpoint: Checkpoint) -> Remembered:
        """Write what was prepared and the checkpoint, in one transaction."""
        request = Remember.model_construct(items=prepared.request.items, checkpoint=checkpoint)
        return await memory.write(self._ctx, replace(prepared, request=request))
