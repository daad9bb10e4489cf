"""Measures every row of a held scope, and reads the best of them more closely."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemon.db.connection import Connection
from mnemon.memory.columns import MEMORIES, MESSAGES, SCORED
from mnemon.memory.recall import fusion, signals
from mnemon.memory.recall.candidates import Asked, Int64, Postings
from mnemon.memory.recall.held import load
from mnemon.memory.recall.held.alike import WordVectors, similar
from mnemon.memory.recall.held.scope import HeldScope, Rows
from mnemon.memory.recall.known import Known
from mnemon.memory.recall.lexicon import Floats, Lexicon
from mnemon.memory.recall.question import UNREAD, traits_of
from mnemon.memory.recall.signals import Evidence, Measured
from mnemon.memory.recall.sought import Sought
from mnemon.memory.recall.succession import author
from mnemon.memory.scope import ResolvedScope

#: How a candidate became one, by its place among them.
Via = Callable[[int], tuple[str, ...]]
#: Rows whose texts are looked at, of those that match best without that.
SHORTLIST = 300
#: Rows that are said to be close in meaning.
_NEAR = 200
#: What the date counts of rows that are said to be of the time that was asked for: of one within a year, at least.
_AROUND = 0.4
_MASK_BITS = 31


async def measure_held(
    connection: Connection, held: HeldScope, sought: Sought, vectors: WordVectors | None
) -> tuple[Measured, Via]:
    """Return (the rows that match best with every match signal; how each became one, by its place).

    Args:
        connection: in a transaction of the scope's principal.
        held: the rows of the scope.
        sought: the question.
        vectors: those of words; None, if the embedder does not answer at once.
    """
    asked = replace(sought.asked, sizes=replace(sought.asked.sizes, indexed=0), concepts=[])
    inside = await load.within(connection, sought.scope) if sought.narrows else None
    return await measure_rows(
        connection,
        held,
        replace(sought, asked=asked),
        vectors,
        lexicon=Lexicon.of(_postings(held, asked), asked, len(held)),
        allowed=np.ones(len(held), dtype=np.bool_) if inside is None else np.isin(held.ordinals, inside),
        session_terms=held.mean_session_terms(),
    )


async def measure_rows(
    connection: Connection,
    held: HeldScope,
    sought: Sought,
    vectors: WordVectors | None,
    *,
    lexicon: Lexicon,
    allowed: NDArray[np.bool_],
    session_terms: float,
) -> tuple[Measured, Via]:
    """Return the same of rows that are held, by what is known of their scope.

    Args:
        connection: in a transaction of the scope's principal.
        held: the rows, with their neighbours.
        sought: the question.
        vectors: as above.
        lexicon: where the question's words stand.
        allowed: which of the rows are asked for.
        session_terms: mean words of a session; 0 if it is not known.
    """
    # From here to the texts nothing is waited for: another search may bring the rows up to date meanwhile.
    cosines, scope, asked = held.cosines(sought.vector), sought.scope, sought.asked
    candidates = _known(held, scope, asked, cosines, sought.running)
    if vectors is not None:
        candidates.columns["similar"] = similar(held, vectors, asked.words)
    evidence = Evidence(sought.question, lexicon, candidates, bool(asked.names), session_terms)
    whole = signals.measure(evidence, read=False)
    scores = fusion.match_scores(whole)
    if scope.scope.part_of is None:
        allowed = allowed & _best_parts(scores, allowed, candidates["whole_id"])
    places = _best(scores, allowed, sought.wanted)
    near, ordinals = _near(cosines), held.ordinals[places]
    if signals.reads_text(sought.question):
        traits = np.zeros(len(cosines), dtype=np.int16)
        traits[places] = await _traits(connection, held, sought.base, ordinals, held.rows[places])
        candidates.columns["traits"] = traits
    measured = signals.take(whole, places)
    measured.evidence.known.columns["vector"] = held.vectors(held.rows[places])
    values = measured.values
    return measured, _Via(cosines[places] >= near, values["words"] > 0, values["date"] >= _AROUND)


@dataclass(frozen=True, slots=True)
class _Via:
    """How each row became a candidate, by its place."""

    near: NDArray[np.bool_]
    words: NDArray[np.bool_]
    time: NDArray[np.bool_]

    def __call__(self, place: int) -> tuple[str, ...]:
        named = (("vector", self.near), ("words", self.words), ("time", self.time))
        return tuple(name for name, one in named if one[place]) or ("recent",)


def _best_parts(scores: Floats, allowed: NDArray[np.bool_], texts: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell of each row whether it is a text, or that part of one which matches best of those that are allowed."""
    alone = texts == b""
    parts = np.flatnonzero(~alone & allowed)
    best_first = parts[np.argsort(-scores[parts], kind="stable")]
    _, first = np.unique(texts[best_first], return_index=True)
    alone[best_first[first]] = True
    return np.asarray(alone, dtype=np.bool_)


def _best(scores: Floats, allowed: NDArray[np.bool_], wanted: int) -> Rows:
    """Return the places of the rows that match best, in their order."""
    places = np.flatnonzero(allowed)
    most = max(SHORTLIST, 2 * wanted)
    if len(places) <= most:
        return places
    best = np.argpartition(-scores[places], most)[:most]
    return np.sort(places[best])


def _near(cosines: Floats) -> float:
    if len(cosines) <= _NEAR:
        return -np.inf
    return float(np.partition(cosines, len(cosines) - _NEAR)[len(cosines) - _NEAR])


def _known(held: HeldScope, scope: ResolvedScope, asked: Asked, cosines: Floats, running: UUID | None) -> Known:
    columns = {name: held.column(name) for name in ("talk", "occurred_at", "terms", "asks", *SCORED)}
    columns |= {
        "ordinal": held.ordinals,
        "cosine": cosines,
        "context": held.context(cosines),
        "similar": np.zeros(len(held)),
        "rarity": held.rarity(),
        "session_terms": held.session_terms(),
        "traits": np.zeros(len(held), dtype=np.int16),
        "spoke": _spoke(held, asked.named),
        "present": held.present(asked.named) if asked.named else np.zeros(len(held)),
        "own": _own(held, scope.user_id),
        "author": author(held.column("heard"), held.column("user"), held.column("talk").astype(np.bool_)),
        "running": np.zeros(len(held)) if running is None else _is(held, "conversation", running),
    }
    return Known(len(held), columns, in_running=running is not None)


def _is(held: HeldScope, column: str, one: UUID) -> NDArray[np.bool_]:
    return np.asarray(held.column(column) == np.bytes_(one.bytes)) if len(held) else np.empty(0, dtype=np.bool_)


def _own(held: HeldScope, user: UUID | None) -> NDArray[np.bool_]:
    if user is None:
        return np.zeros(len(held), dtype=np.bool_)
    return _is(held, "user", user) | _is(held, "sender", user)


def _spoke(held: HeldScope, named: Sequence[UUID]) -> Floats:
    places = np.zeros(len(held))
    for place in range(len(named), 0, -1):
        places[_is(held, "heard", named[place - 1])] = place
    return places


def _postings(held: HeldScope, asked: Asked) -> list[Postings]:
    masks = np.zeros(len(held), dtype=np.int32)
    talk = held.column("talk").astype(np.bool_)
    for bit, word in enumerate(asked.words[:_MASK_BITS]):
        masks[held.places_of((word.lexeme, *word.others))] |= 1 << bit
    lexemes = asked.lexemes
    names = [name for name in asked.name_words if name not in lexemes]
    for bit, name in enumerate(names[: _MASK_BITS - len(lexemes)], len(lexemes)):
        places = held.places_of((name,))
        masks[places[~talk[places]]] |= 1 << bit
    postings = []
    for table, mine in ((MESSAGES, talk), (MEMORIES, ~talk)):
        places = np.flatnonzero((masks != 0) & mine)
        if len(places):
            postings.append(Postings(table, held.ordinals[places], masks[places]))
    return postings


async def _traits(
    connection: Connection, held: HeldScope, base: ResolvedScope, ordinals: Int64, rows: Rows
) -> NDArray[np.int16]:
    """Return what the texts of some rows look like, read where they have not been yet."""
    traits = held.traits(rows)
    unread = np.flatnonzero(traits == UNREAD)
    if len(unread):
        texts = await load.texts(connection, base, ordinals[unread])
        traits[unread] = [traits_of(texts.get(ordinal, "")) for ordinal in ordinals[unread].tolist()]
        held.note_traits(rows[unread], traits[unread])
    return traits
