"""The verb of ratings, on what every memory holds."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from mnemon.core.text import parse
from mnemon.doors.library.opened import Opened
from mnemon.memory import service
from mnemon.memory.schemas import Item, Rate


class Rating(Opened):
    """A memory whose messages are rated."""

    async def rate(
        self,
        /,
        message: UUID | str,
        rating: Literal["positive", "negative"] | None,
        *,
        comment: str | None = None,
    ) -> Item:
        """Rate a message, with a comment; said again, it replaces both, and None takes them back.

        Args:
            message: its id.
            rating: ``positive`` or ``negative``; None takes back what was said of it.
            comment: why.

        Raises:
            NotFound: there is no such message in this organisation.
            Invalid: another rating, or the id is a memory's.
        """
        request = parse(Rate, {"message_id": message, "rating": rating, "comment": comment})
        return await service.rate(await self.open(), request)
