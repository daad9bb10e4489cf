"""Imports into the memory of a server: files are read here, and what they hold is remembered there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import Checkpoint, NewMessage
from mnemon.doors.library.calling import Transport
from mnemon.memory import service as memory
from mnemon.memory.schemas import NewMemory, Remember, Remembered

#: What one call brings at most: items, and characters of their texts; a server takes 8 MB.
_ITEMS, _SIZE = 1000, 2_000_000


class RemoteSink:
    """A server that remembers what an import brings.

    A batch that is too large for one call is brought in several; the last one has the checkpoint. What came before it
    and lost its answer is brought again, and is there once, as all that has a source and an id of it.

    Args:
        caller: calls the verbs of the server.
        timezone: the zone of times that name none, as the settings of this process have it.
    """

    def __init__(self, transport: Transport, timezone: str | None) -> None:
        self._transport = transport
        self.timezone = timezone

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)

    async def checkpoints(self, source: str) -> tuple[Checkpoint, ...]:
        """Return how far imports of this source have come."""
        return await self._transport.call(conversations.checkpoints, source)

    async def prepare(self, request: Remember) -> Remember:
        """Return the request: the server embeds."""
        return request

    async def write(self, prepared: Remember, checkpoint: Checkpoint) -> Remembered:
        """Have the server remember what was prepared, and how far the import has come."""
        ids, created = list[UUID](), 0
        *before, last = _parts(prepared.items)
        for items in before:
            part = prepared.model_copy(update={"items": items, "checkpoint": None})
            remembered = await self._transport.call(memory.remember, part)
            ids += remembered.ids
            created += remembered.created
        part = prepared.model_copy(update={"items": last, "checkpoint": checkpoint})
        remembered = await self._transport.call(memory.remember, part)
        return Remembered(ids=(*ids, *remembered.ids), created=created + remembered.created)


def _parts(items: Sequence[NewMessage | NewMemory]) -> Iterator[tuple[NewMessage | NewMemory, ...]]:
    """Yield what one call each brings; there is one at least."""
    part: list[NewMessage | NewMemory] = []
    size = 0
    for item in items:
        if part and (len(part) == _ITEMS or size + len(item.content) > _SIZE):
            yield tuple(part)
            part, size = [], 0
        part.append(item)
        size += len(item.content)
    yield tuple(part)
