"""Candidates of the times that a question names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

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
    for begin, end in _edges(question)[:_TIMES]:
        since = max(filter(None, (begin, scope.scope.since)), default=None)
        until = min(filter(None, (end, scope.scope.until)), default=None)
        if since is not None and until is not None and since >= until:
            continue
        narrow = replace(scope, scope=scope.scope.model_copy(update={"since": since, "until": until}))
        near = await candidates.nearest(connection, narrow, sizes, vector, limit=limit, exact_limit=exact_limit)
        ordinals |= dict.fromkeys(near.ordinals)
    return tuple(ordinals)


def _edges(question: Question) -> list[tuple[datetime | None, datetime | None]]:
    """Return begin and end of each time in UTC."""
    edges = []
    for span in (span for time in question.times for span in time.spans):
        begin, end = (edge and edge.replace(tzinfo=question.zone).astimezone(UTC) for edge in (span.begin, span.end))
        edges.append((begin, end))
    return list(dict.fromkeys(edges))
