"""The verbs by which answers are judged: what they used, whether it helped, and how they were rated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Literal
from uuid import UUID

from mnemon.core.pages import Page
from mnemon.core.text import parse
from mnemon.doors.library import refusals
from mnemon.doors.library.opened import Opened
from mnemon.memory import service
from mnemon.memory.schemas import Hit, Item, Rate
from mnemon.memory.schemas_facts import Noted, NoteUse, Usage, UsageOf

#: What recall gave, or its id.
Usable = Hit | Item | UUID | str


class Rating(Opened):
    """A memory whose messages are rated, and which notes what they used."""

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
        return await self._call(service.rate, request)

    async def note_use(
        self, /, answer: UUID | str, used: Usable | Iterable[Usable], *, helpful: bool | None = None
    ) -> Noted:
        """Note which messages and memories an answer was given; said again, nothing is there twice.

        Args:
            answer: the message that was said with them, by its id.
            used: what :meth:`recall` or :meth:`search` gave: all of it, some of its hits, or their ids; up to 1,000. Of
                hits the place, the score of a recall and the signals are kept.
            helpful: whether these helped; None says nothing of it, and leaves what was said before.

        Raises:
            NotFound: the answer, or something used, is not there in this organisation; nothing is noted.
            Invalid: nothing is named, or the answer itself.
        """
        hits = [used] if isinstance(used, Usable) else refusals.several("used", used, "what recall gave, or ids")
        fields = {use["id"]: use for use in map(_used, reversed(hits))}
        noted = {"message_id": refusals.uuid(answer, "answer"), "used": tuple(fields.values()), "helpful": helpful}
        request = parse(NoteUse, noted)
        return await self._call(service.note_use, request)

    async def usage_of(
        self,
        /,
        *,
        answer: UUID | str | None = None,
        used: UUID | str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Usage]:
        """List what an answer was given, best first; or the answers that something was used for, newest first.

        Args:
            answer: the answer, by its id; or
            used: the message or memory, by its id.
            limit: uses of the page at most, 1 to 1,000.
            cursor: ``next_cursor`` of the page before.

        Raises:
            NotFound: there is none in this organisation.
            Invalid: neither is given, or both are.
        """
        ids = {
            "message_id": None if answer is None else refusals.uuid(answer, "answer"),
            "used_id": None if used is None else refusals.uuid(used, "used"),
        }
        request = parse(UsageOf, {**ids, "limit": limit, "cursor": cursor})
        return await self._call(service.usage_of, request)


def _used(one: Usable) -> dict[str, Any]:
    """Return one thing that was used as the fields of Used."""
    if not isinstance(one, Hit):
        return {"id": refusals.uuid(one.id if isinstance(one, Item) else one, "used")}
    signals = {name: asdict(part) for name, part in {**one.why.match, **one.why.recall}.items()}
    # The score of a search has no upper end; that of a recall is a mean of signals from 0 to 1.
    score = min(max(one.score, 0.0), 1.0) if one.why.recall else None
    return {"id": one.id, "relevance_score": score, "rank": one.rank, "signals": signals}
