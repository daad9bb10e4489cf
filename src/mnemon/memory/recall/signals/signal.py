"""What a signal is, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory.recall.candidates import Int64
from mnemon.memory.recall.known import EPOCH, Known
from mnemon.memory.recall.lexicon import Floats, Lexicon, Window
from mnemon.memory.recall.question import Question

__all__ = ["EPOCH", "About", "Evidence", "MatchSignal", "People", "Signal"]

#: What a signal looks at; doors give each its colour.
About = Literal["meaning", "talk", "people", "time", "form", "worth"]
LookedAt = TypeVar("LookedAt")


def _always(_: Question) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)  # no slots: typing notes the parameter of a generic class on its objects
class Signal(Generic[LookedAt]):
    """One reason why a row may be the answer: everything that is to be said of it, in one place.

    Attributes:
        name: its key in explanations, in JSON and in the documentation.
        weight: what one unit of it adds to the score.
        about: what it looks at.
        says: the reason to a person, as the end of "found because it ...".
        measures: what is measured, to a reader of the documentation.
        measure: one number for each candidate.
        columns: what ``measure`` reads of a candidate, by the names in :mod:`mnemon.memory.recall.known`.
        bounds: the least and the greatest number there can be; None where there is no such.
        label: it in one word, for a narrow column; its name, if nothing else is said.
        applies: whether a question asks for it; where it does not, it is 0 and nothing is measured.
        is_reason: whether a person would take it for a reason by itself.
    """

    name: str
    weight: float
    about: About
    says: str
    measures: str
    measure: Callable[[LookedAt], Floats]
    columns: tuple[str, ...] = ()
    bounds: tuple[float, float | None] = (0.0, 1.0)
    label: str = ""
    applies: Callable[[Question], bool] = _always
    is_reason: bool = True


class People(NamedTuple):
    """What candidates have to do with who is named in the question, or asks it: 0 to 1 each."""

    speaks: Floats
    is_there: Floats
    related: Floats


@dataclass
class Evidence:
    """What the match signals look at. What several of them need is worked out once.

    Attributes:
        question: what was asked.
        lexicon: where its words stand.
        known: the candidates.
        named: whether the question names anybody.
        session_terms: mean words of a session; 0 if it is not known: then that of the candidates' sessions.
    """

    question: Question
    lexicon: Lexicon
    known: Known
    named: bool
    session_terms: float

    def column(self, name: str) -> Floats:
        """Return one column of the candidates as numbers; 0 where nothing is known."""
        return np.asarray(self.known[name], dtype=np.float64)

    def take(self, places: NDArray[np.intp]) -> Evidence:
        """Return some of the candidates; who spoke is who spoke among all of them."""
        taken = Evidence(self.question, self.lexicon, self.known.take(places), self.named, self.session_terms)
        taken.people = People(*(values[places] for values in self.people))
        taken.window = Window(*(values[places] for values in self.window))
        return taken

    def has_trait(self, traits: int) -> Floats:
        """Tell of each candidate whether its text has one of these traits."""
        return np.asarray((np.asarray(self.known["traits"], dtype=np.int64) & traits) != 0, dtype=np.float64)

    @cached_property
    def zeros(self) -> Floats:
        """Nothing of any candidate."""
        return np.zeros(len(self.known))

    @cached_property
    def moments(self) -> Floats:
        """When the candidates were said or true, as seconds since 1970."""
        return self.column("occurred_at")

    @cached_property
    def ordinals(self) -> Int64:
        """Recall's addresses of the candidates."""
        return np.asarray(self.known["ordinal"], dtype=np.int64)

    @cached_property
    def window(self) -> Window:
        """The question's words in the candidates and their neighbours."""
        return self.lexicon.window(self.ordinals)

    @cached_property
    def session(self) -> Floats:
        """BM25 of the candidates' sessions."""
        lengths = self.column("session_terms")
        mean = self.session_terms
        if not mean and len(self.known):
            _, first = np.unique(self.ordinals >> SESSION_BITS, return_index=True)
            mean = float(lengths[first].mean())
        return self.lexicon.session(self.ordinals, lengths, mean)

    @cached_property
    def people(self) -> People:
        """Who is named spoke, was there, or is related; if two are named and spoke, neither is meant."""
        if not self.named:
            return People(self.zeros, self.zeros, self.column("own"))
        places = np.asarray(self.known["spoke"], dtype=np.int64)
        speakers = np.unique(places[places > 0])
        speaks = (places == speakers[0]).astype(np.float64) if len(speakers) == 1 else self.zeros
        if len(self.lexicon.mentions):
            speaks = np.maximum(speaks, np.isin(self.ordinals, self.lexicon.mentions))
        is_there = np.maximum(self.column("present"), speaks)
        return People(speaks, is_there, np.maximum(speaks, 0.5 * is_there))


MatchSignal = Signal[Evidence]
