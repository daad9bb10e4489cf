"""Candidates of the times that a question names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, tzinfo

import numpy as np
from numpy.typing import NDArray

from mnemon.core import times
from mnemon.db.connection import Connection
from mnemon.memory.recall import candidates
from mnemon.memory.recall.candidates import Sizes
from mnemon.memory.recall.question import Question
from mnemon.memory.scope import ResolvedScope

#: Times of a question that rows are looked for in.
_TIMES = 3


async def within(
    connection: Connection,
    scope: ResolvedScope,
    sizes: Sizes,
    question: Question,
    vector: NDArray[np.float32],
    *,
    limit: int,
    exact_limit: int,
) -> tuple[int, ...]:
    """Return the rows closest in meaning among those of the times that the question names."""
    ordinals: dict[int, None] = {}
    for begin, end in edges(question):
        since = max(filter(None, (begin, scope.scope.since)), default=None)
        until = min(filter(None, (end, scope.scope.until)), default=None)
        if since is not None and until is not None and since >= until:
            continue
        narrow = replace(scope, scope=scope.scope.model_copy(update={"since": since, "until": until}))
        near = await candidates.nearest(connection, narrow, sizes, vector, limit=limit, exact_limit=exact_limit)
        ordinals |= dict.fromkeys(near.ordinals)
    return tuple(ordinals)


def edges(question: Question) -> list[tuple[datetime | None, datetime | None]]:
    """Return begin and end of each time in UTC; of one with many parts ("at 3 pm in March") of all of them together."""
    found = []
    for named in question.times:
        spans = [(span.begin, span.end) for span in named.spans]
        for begin, end in spans if len(spans) <= _TIMES else [_around(spans)]:
            with suppress(ValueError):  # in the first or the last year that is kept
                found.append((_moment(begin, question.zone), _moment(end, question.zone)))
    return list(dict.fromkeys(found))[:_TIMES]


def _around(spans: Sequence[tuple[datetime | None, datetime | None]]) -> tuple[datetime | None, datetime | None]:
    begins = [begin for begin, _ in spans if begin is not None]
    ends = [end for _, end in spans if end is not None]
    return min(begins) if len(begins) == len(spans) else None, max(ends) if len(ends) == len(spans) else None


def _moment(edge: datetime | None, zone: tzinfo) -> datetime | None:
    return None if edge is None else times.as_utc(edge.replace(tzinfo=zone))
