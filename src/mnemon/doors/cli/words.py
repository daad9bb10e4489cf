"""The signals of recall in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnemon.memory.recall import succession
from mnemon.memory.recall.signals import MATCH, RECALL, Signal

if TYPE_CHECKING:
    from mnemon.memory.schemas import Contribution, Hit

#: The colour of what a signal is about.
_COLOURS = {
    "meaning": "cyan",
    "talk": "green",
    "people": "magenta",
    "time": "yellow",
    "form": "blue",
    "worth": "red",
}
_ALL: tuple[Signal[Any], ...] = (*MATCH, *RECALL, succession.SIGNAL)
_SIGNALS = {signal.name: signal for signal in _ALL}
#: Signals about who is named: what they say depends on the hit.
_PEOPLE = {signal.name for signal in MATCH if signal.about == "people"}


def colour(name: str) -> str:
    """Name the colour of a signal's bar."""
    return _COLOURS[_SIGNALS[name].about]


def short(name: str) -> str:
    """Say a signal in a word or two."""
    return _SIGNALS[name].label or name.replace("_", " ")


def sentence(name: str, hit: Hit) -> str:
    """Say a signal as a reason for a hit."""
    return who(hit) if name in _PEOPLE else _SIGNALS[name].says


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a hit was found, in words; ``share`` is its part of the score."""

    text: str
    share: float
    colour: str
    note: str = ""


def reasons(hit: Hit, query: str, count: int) -> list[Reason]:
    """Return the strongest reasons for a hit; who is named counts once, whether they spoke or were there."""
    sentences = []
    for name, contribution in hit.why.match.items():
        if _SIGNALS[name].is_reason and name not in _PEOPLE:
            note = ", ".join(asked_words(hit.why.terms, query)[:4]) if name == "words" else ""
            sentences.append(Reason(sentence(name, hit), contribution.share, colour(name), note))
    people = [contribution.share for name, contribution in hit.why.match.items() if name in _PEOPLE]
    if people:
        sentences.append(Reason(who(hit), sum(people), _COLOURS["people"]))
    ranked = sorted(sentences, key=lambda reason: -reason.share)
    return [reason for reason in ranked[:count] if reason.share > 0]


def who(hit: Hit) -> str:
    """Return what the hit has to do with who is named in the question."""
    speaker = hit.item.speaker or ""
    named = [name.title() for name in hit.why.names]
    if any(name.lower() in speaker.lower() for name in named):
        return f"said by {speaker}"
    if "speaker" in hit.why.match:
        return f"mentions {' and '.join(named)}" if named else "mentions who is named"
    return f"{' and '.join(named) or 'who is named'} took part"


def strongest(contributions: dict[str, Contribution], count: int) -> list[tuple[str, Contribution]]:
    """Choose the signals with the largest shares."""
    ranked = sorted(contributions.items(), key=lambda pair: -pair[1].share)
    return [(name, one) for name, one in ranked[:count] if one.share > 0]


def asked_words(terms: Sequence[str], query: str) -> list[str]:
    """Return the words of the question that stand behind stemmed ones, so that nobody reads ``offic``."""
    asked = re.findall(r"\w+", query.lower())
    return [next((word for word in asked if word.startswith((term, term[:-1] or term))), term) for term in terms]
