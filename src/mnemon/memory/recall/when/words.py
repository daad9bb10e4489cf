"""Words of time, a table a language: what means a month, a day, "last", "ago". Another language is another table.

A word that has several meanings in several languages is read in the language of the question, which its little words
(``marks``) give away. Phrases of several words are written with spaces. Everything is lower-case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from mnemon.memory.recall.when.germanic import ENGLISH, GERMAN
from mnemon.memory.recall.when.language import Language
from mnemon.memory.recall.when.romance import FRENCH, SPANISH

LETTERS = re.compile(r"[^\W\d_]+")


#: Words of one language that mean something in another one: read only where the question is in theirs.
STRANGE = frozenset(
    "hier mars an die des a un mar sept juin juli six dix midi fin mi tarde este esta al ce mes fall no early ab nach "
    "bis um gegen martes paar tag h soir nuit matin an ans y et ou noche pasado".split()
)


class Word(NamedTuple):
    """One meaning of a word: its kind, what it stands for, and in which language."""

    kind: str
    value: Any
    language: str


LANGUAGES = {"en": ENGLISH, "de": GERMAN, "es": SPANISH, "fr": FRENCH}


def _split(words: str) -> list[str]:
    return [word.replace("_", " ") for word in words.split()]


def _entries(language: Language) -> list[tuple[str, str, Any]]:
    """Return every word of a language with its kind and value."""
    entries: list[tuple[str, str, Any]] = []
    for kind, names in (("month", language.months), ("weekday", language.weekdays)):
        entries += [(name, kind, number) for number, alike in enumerate(names.split(), 1) for name in alike.split("|")]
    entries += [(name, "unit", unit) for unit, names in language.units.items() for name in _split(names)]
    for kind in ("numbers", "relative", "days", "parts", "seasons", "holidays", "ordinals"):
        values: Mapping[str, Any] = getattr(language, kind)
        entries += [(name, kind, value) for name, value in values.items()]
    for kind in (
        *("past", "before_ago", "after_ago", "since", "before", "after", "until", "between", "joins", "near", "early"),
        *("middle", "late", "week_numbers", "years", "at", "clock"),
    ):
        entries += [(name, kind, None) for name in _split(getattr(language, kind))]
    return entries


@cache
def lexicon() -> Mapping[str, tuple[Word, ...]]:
    """Return the meanings of every word and phrase."""
    meanings: dict[str, list[Word]] = {}
    for code, language in LANGUAGES.items():
        for name, kind, value in _entries(language):
            meanings.setdefault(name, []).append(Word(kind, value, code))
    return {name: tuple(words) for name, words in meanings.items()}


@cache
def hints() -> frozenset[str]:
    """Return the words without one of which, and without a digit, a text names no time; of a phrase its longest."""
    strong = {"month", "weekday", "unit", "days", "parts", "seasons", "holidays"}
    return frozenset(
        max(LETTERS.findall(name), key=len)
        for name, words in lexicon().items()
        if any(one.kind in strong for one in words)
    )


@cache
def marks() -> Mapping[str, str]:
    """Return which language a word gives away: a little word, or one of time that no other language here has."""
    own = {
        name: words[0].language
        for name, words in lexicon().items()
        if " " not in name and len(name) > 2 and len({one.language for one in words}) == 1 and name not in STRANGE
    }
    return own | {word: code for code, language in LANGUAGES.items() for word in language.marks.split()}


@cache
def first_words() -> frozenset[str]:
    """Return the words with which a phrase of time may begin."""
    return frozenset(name.partition(" ")[0] for name in lexicon())
