"""The verbs that read one message or memory, by its id."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mnemon.doors.library import refusals
from mnemon.doors.library.items import given
from mnemon.doors.library.rating import Rating
from mnemon.memory import service
from mnemon.memory.schemas import History, Item, Scope
from mnemon.memory.schemas_facts import Reconstruct, Reconstructed


class Reading(Rating):
    """A memory whose rows are read one by one."""

    async def get(self, id: UUID | str, *, as_of: datetime | str | None = None) -> Item:  # noqa: A002 - the field's name
        """Return one message or memory by its id; ``as_of``: as it was known at that moment.

        Raises:
            NotFound: there is none in this organisation.
        """
        item, checked = refusals.uuid(id), refusals.not_a_number("as_of", as_of)
        moment = (await self._parsed(Scope, given(as_of=checked))).as_of
        return await self._call(service.get, item, as_of=moment)

    async def read(self, id: UUID | str, *, as_of: datetime | str | None = None) -> str:  # noqa: A002
        """Return a whole text, letter by letter as it was remembered; of one that was split any part names it.

        Raises:
            NotFound: there is none in this organisation.
        """
        item, checked = refusals.uuid(id), refusals.not_a_number("as_of", as_of)
        moment = (await self._parsed(Scope, given(as_of=checked))).as_of
        return await self._call(service.read, item, as_of=moment)

    async def history(self, id: UUID | str) -> History:  # noqa: A002
        """Return every content a memory had and everything that happened to it.

        Raises:
            NotFound: there is none in this organisation.
        """
        item = refusals.uuid(id)
        return await self._call(service.history, item)

    async def reconstruct(self, id: UUID | str, at: datetime | str) -> Reconstructed:  # noqa: A002 - the field's name
        """Reconstruct a memory as it was at a moment, out of the log of its changes.

        Raises:
            NotFound: there is none in this organisation, or it was not there yet.
        """
        moment = refusals.not_a_number("at", at)
        request = await self._parsed(Reconstruct, {"memory_id": refusals.uuid(id), "at": moment})
        return await self._call(service.reconstruct, request)
