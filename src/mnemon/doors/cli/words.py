"""The signals of recall in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnemon.memory.schemas import Hit, Signal

#: Signal: its short name for a table, its colour.
SHORT: dict[str, tuple[str, str]] = {
    "cos": ("meaning", "cyan"),
    "win": ("words", "green"),
    "own": ("own words", "bright_green"),
    "sess": ("sitting", "bright_green"),
    "spk": ("speaker", "magenta"),
    "part": ("present", "bright_magenta"),
    "date": ("date", "yellow"),
    "when": ("says when", "bright_yellow"),
    "atype": ("answers", "blue"),
    "ques": ("asks", "red"),
    "prevq": ("reply", "bright_blue"),
    "len": ("length", "bright_black"),
    "semantic": ("match", "cyan"),
    "recency": ("recent", "yellow"),
    "importance": ("important", "red"),
    "continuity": ("company", "green"),
    "relationship": ("people", "magenta"),
}


def colour(name: str) -> str:
    """The colour of a signal's bar."""
    return SHORT[name][1] if name in SHORT else "white"


def short(name: str) -> str:
    """A signal in one word."""
    return SHORT[name][0] if name in SHORT else name


#: A signal as a reason.
SENTENCES = {
    "cos": "close in meaning",
    "win": "same words in the talk around",
    "own": "same words in it",
    "sess": "same words in that sitting",
    "date": "around that date",
    "when": "says when",
    "atype": "the kind of answer asked for",
    "ques": "is itself a question",
    "prevq": "replies to a question",
    "len": "says more",
    "semantic": "matches the question",
    "recency": "recent",
    "importance": "important",
    "continuity": "in company of what also matches",
    "relationship": "to do with who is named or asks",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a hit was found, in words; ``share`` is its part of the score."""

    text: str
    share: float
    colour: str
    note: str = ""


def reasons(hit: Hit, query: str, count: int) -> list[Reason]:
    """The strongest reasons for a hit; who is named counts once, whether they spoke or were there."""
    found = []
    for name, signal in hit.why.match.items():
        if name not in {"spk", "part", "len"}:
            note = ", ".join(asked_words(hit.why.terms, query)[:4]) if name == "win" else ""
            found.append(Reason(SENTENCES.get(name, name), signal.share, colour(name), note))
    people = [hit.why.match[name].share for name in ("spk", "part") if name in hit.why.match]
    if people:
        found.append(Reason(who(hit), sum(people), colour("spk")))
    ranked = sorted(found, key=lambda reason: -reason.share)
    return [reason for reason in ranked[:count] if reason.share > 0]


def who(hit: Hit) -> str:
    """What the hit has to do with who is named in the question."""
    speaker = hit.item.speaker or ""
    named = [name.title() for name in hit.why.names]
    if any(name.lower() in speaker.lower() for name in named):
        return f"said by {speaker}"
    if "spk" in hit.why.match:
        return f"mentions {' and '.join(named)}" if named else "mentions who is named"
    return f"{' and '.join(named) or 'who is named'} took part"


def strongest(signals: dict[str, Signal], count: int) -> list[tuple[str, Signal]]:
    """The signals with the largest shares."""
    ranked = sorted(signals.items(), key=lambda pair: -pair[1].share)
    return [(name, signal) for name, signal in ranked[:count] if signal.share > 0]


def asked_words(terms: Sequence[str], query: str) -> list[str]:
    """The words of the question that stand behind stemmed ones, so that nobody reads ``offic``."""
    asked = re.findall(r"\w+", query.lower())
    return [next((word for word in asked if word.startswith((term, term[:-1] or term))), term) for term in terms]
