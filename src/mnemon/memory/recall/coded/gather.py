"""Finds a few hundred rows of a large scope by codes and words, and measures them as those of a held scope are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from mnemon.db.connection import Connection
from mnemon.memory.columns import CONDITIONS, SCORED
from mnemon.memory.recall import fusion, signals
from mnemon.memory.recall.candidates import Int64
from mnemon.memory.recall.coded.codes import FAR, closest, likely_cosines
from mnemon.memory.recall.coded.few import Few
from mnemon.memory.recall.coded.lexical import Standing, stand
from mnemon.memory.recall.coded.part import Flags, Part
from mnemon.memory.recall.coded.words import Row32
from mnemon.memory.recall.held.alike import WordVectors
from mnemon.memory.recall.held.batch import Sessions
from mnemon.memory.recall.held.gather import Via, measure_rows
from mnemon.memory.recall.held.load import read, sessions, within
from mnemon.memory.recall.held.scope import Rows
from mnemon.memory.recall.known import EPOCH, Known
from mnemon.memory.recall.lexicon import NEIGHBOURS, Floats, Lexicon
from mnemon.memory.recall.signals import Evidence, Measured
from mnemon.memory.recall.sought import Sought
from mnemon.memory.recall.within import edges

#: Rows whose codes differ least that are compared more closely, and those of them that are weighed against the others.
REACH, CLOSER = 1500, 500
#: Rows that the words speak for, and rows of each time that is named.
DEPTH = 200
#: Rows that are read whole, and of these those that are taken because they are closest in meaning: of the hundred
#: closest of a million rows, 94 were among them. The others match best by all that is held.
SHORTLIST, NEAR = 300, 240
#: Of those in talk, the best by what is held that are read with the rows beside them.
IN_COMPANY = 120
#: How often it is looked again, if rows turn out to be gone.
_ROUNDS = 3


async def measure_part(
    connection: Connection, part: Part, sought: Sought, vectors: WordVectors | None
) -> tuple[Measured, Via] | None:
    """Return (the rows that match best with every match signal; how each became one, by its place).

    None if fewer were found than are wanted, and there may be more.

    Args:
        connection: in a transaction of the scope's principal.
        part: the rows of the scope.
        sought: the question.
        vectors: those of words; None, if the embedder does not answer at once.
    """
    sought = replace(sought, asked=replace(sought.asked, concepts=[]))
    narrowed = await within(connection, sought.scope) if sought.narrows and not _by_time_alone(sought) else None
    for _ in range(_ROUNDS):
        candidates = _find(part, sought, narrowed)
        chosen, in_company = _choose(part, candidates, sought)
        few = await _read(connection, part, candidates, sought, chosen, in_company)
        gone = np.setdiff1d(chosen, few.ordinals)
        if not len(gone):
            break
        part.leave_out(gone)
    else:
        return None
    allowed = np.isin(few.ordinals, chosen) & _in_time(few, sought)
    is_all = len(few) >= np.count_nonzero(candidates.members)
    measured = await measure_rows(
        connection,
        few,
        sought,
        vectors,
        lexicon=candidates.lexicon,
        allowed=allowed,
        session_terms=few.mean_session_terms() if is_all else sought.asked.sizes.session_terms,
    )
    if len(measured[0].evidence.known) < sought.wanted and candidates.size > np.count_nonzero(allowed):
        return None
    return measured


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows that may answer.

    Attributes:
        rows: which.
        ordinals: theirs.
        likely: about how close each is in meaning.
        standing: where the question's words stand.
        lexicon: the same of the sessions that they are of.
        members: the rows of the scope.
        size: how many rows are asked for.
    """

    rows: Row32
    ordinals: Int64
    likely: Floats
    standing: Standing
    lexicon: Lexicon
    members: Flags
    size: int


def _find(part: Part, sought: Sought, narrowed: Int64 | None) -> _Found:
    """Find rows by the closeness of their codes, by their words and by the times that are named."""
    rows, members = part.rows, part.members()
    allowed = _allowed(part, members, sought, narrowed)
    size = int(np.count_nonzero(allowed))
    standing = stand(rows, members, allowed, sought.asked, most=DEPTH)
    if size <= max(REACH, 4 * sought.wanted):
        places = np.flatnonzero(allowed).astype(np.int32)
    else:
        near = _nearest(part, sought, members, allowed)
        spoken = _with_neighbours(part, standing.best)
        latest = np.flatnonzero(allowed)[-max(DEPTH, 2 * sought.wanted) :] if len(near) < CLOSER else near[:0]
        places = np.unique(np.concatenate([near, spoken, standing.mentions, latest])).astype(np.int32)
        places = places[allowed[places]]
    likely = np.zeros(len(places))
    if sought.vector.any():
        likely = likely_cosines(rows.planes[:, places], sought.vector)
        likely[rows.column("blank")[places]] = 0.0
    ordinals = rows.column("ordinals")[places]
    return _Found(places, ordinals, likely, standing, standing.lexicon(rows, ordinals), members, size)


def _nearest(part: Part, sought: Sought, members: Flags, allowed: Flags) -> Row32:
    """Return the rows closest in meaning, of all that are asked for and of those of each time that is named."""
    if not sought.vector.any():
        return np.empty(0, dtype=np.int32)
    some, apart = part.distances(sought.vector, members)
    if allowed is not members:
        np.copyto(apart, FAR, where=~(allowed if some is None else allowed[some]))

    def rows_at(at: Rows) -> Row32:
        return at.astype(np.int32) if some is None else some[at]

    reach = max(REACH, 4 * sought.wanted)
    near = rows_at(closest(apart, reach)[: 2 * reach])
    closer = max(CLOSER, 3 * sought.wanted)
    if len(near) > closer:
        likely = likely_cosines(part.rows.planes[:, near], sought.vector)
        near = near[np.argpartition(-likely, closer)[:closer]]
    parts = [near]
    for begin, end in edges(sought.question):
        inside = _between(part, begin, end)
        in_time = np.where(inside if some is None else inside[some], apart, FAR)
        parts.append(rows_at(closest(in_time, DEPTH)[: 2 * DEPTH]))
    return np.concatenate(parts)


def _allowed(part: Part, members: Flags, sought: Sought, narrowed: Int64 | None) -> Flags:
    if not sought.narrows:
        return members
    if narrowed is None:
        return members & _between(part, sought.scope.scope.since, sought.scope.scope.until)
    allowed = np.zeros(len(members), dtype=np.bool_)
    at = part.rows.rows_of(narrowed)
    allowed[at[(at >= 0) & (at < len(members))]] = True
    return members & allowed


def _between(part: Part, begin: datetime | None, end: datetime | None) -> Flags:
    """Tell of each row whether it may be of a time; of the first and the last minute all are."""
    minutes = part.rows.column("minutes")
    inside = np.ones(len(minutes), dtype=np.bool_)
    if begin is not None:
        inside &= minutes >= np.floor((begin - EPOCH).total_seconds() / 60)
    if end is not None:
        inside &= minutes <= np.floor((end - EPOCH).total_seconds() / 60)
    return inside


def _by_time_alone(sought: Sought) -> bool:
    scope = sought.scope
    return scope.said is None and all(condition.value(scope.scope) is None for condition in CONDITIONS)


def _in_time(few: Few, sought: Sought) -> Flags:
    moments = few.column("occurred_at")
    inside = np.ones(len(moments), dtype=np.bool_)
    if sought.narrows and (since := sought.scope.scope.since) is not None:
        inside &= moments >= (since - EPOCH).total_seconds()
    if sought.narrows and (until := sought.scope.scope.until) is not None:
        inside &= moments < (until - EPOCH).total_seconds()
    return inside


def _with_neighbours(part: Part, at: Row32) -> Row32:
    """Return rows, and those of talk with two on each side."""
    rows = part.rows
    talk = rows.column("ordinals")[at[rows.column("talk")[at]]]
    beside = [rows.rows_of(talk + step) for step in range(-NEIGHBOURS, NEIGHBOURS + 1) if step]
    found = np.unique(np.concatenate([at, *beside]))
    return found[found >= 0]


def _choose(part: Part, found: _Found, sought: Sought) -> tuple[Int64, Int64]:
    """Return the ordinals of the rows that are closest in meaning and of those that match best by what is held.

    Then those of them that match best.
    """
    most = max(SHORTLIST, 2 * sought.wanted)
    if len(found.ordinals) <= most:
        return found.ordinals, found.ordinals
    evidence = Evidence(sought.question, found.lexicon, _held(part, found), bool(sought.asked.names), 1.0)
    scores = fusion.match_scores(signals.measure(evidence, read=False))
    company = max(IN_COMPANY, 2 * sought.wanted)
    best = np.argpartition(-scores, company)[:company]
    if sought.vector.any():
        near = most * NEAR // SHORTLIST
        scores[np.argpartition(-found.likely, near)[:near]] = np.inf
    chosen = np.argpartition(-scores, most)[:most]
    return found.ordinals[chosen], found.ordinals[np.intersect1d(chosen, best)]


def _held(part: Part, found: _Found) -> Known:
    """Return what is held of rows; what is not known of them is as if it were nothing."""
    size, column = len(found.rows), part.rows.column
    nothing = np.zeros(size)
    columns: dict[str, Any] = dict.fromkeys(
        ("similar", "rarity", "spoke", "present", "own", "running", "asks", "traits", "terms", *SCORED), nothing
    )
    columns |= {
        "ordinal": found.ordinals,
        "talk": column("talk")[found.rows],
        "cosine": found.likely,
        "context": found.likely,
        "occurred_at": column("minutes")[found.rows] * 60.0,
        "session_terms": np.ones(size),
    }
    return Known(size, columns)


async def _read(
    connection: Connection, part: Part, found: _Found, sought: Sought, chosen: Int64, in_company: Int64
) -> Few:
    """Read rows, and those beside some of them in talk, as a held scope has them."""
    rows = part.rows
    beside = _with_neighbours(part, rows.rows_of(in_company))
    at = np.union1d(beside, rows.rows_of(chosen))
    at = at[at < len(found.members)]
    at = at[found.members[at]]
    ordinals, talk = rows.column("ordinals")[at], rows.column("talk")[at]
    dimensions = len(sought.vector)
    batches, _ = await read(connection, sought.base, dimensions, {"message": ordinals[talk], "memory": ordinals[~talk]})
    few = Few(dimensions, part, found.members, {word.lexeme: word.documents for word in found.standing.asked.words})
    nothing = np.empty(0, dtype=np.int64)
    spoken = ordinals[talk]
    of = await sessions(connection, sought.base, spoken) if len(spoken) else Sessions(nothing, np.zeros(0), [])
    few.apply(batches, nothing, of)
    return few
