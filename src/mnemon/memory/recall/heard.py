"""The words of a question as the database heard them: in each language, with names told from words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from mnemon.memory.recall.question import Question

#: What ``recall_words`` is filled with: to read plain words in English alone, and all that a question may have in every
#: language that the organisation has. The one is planned in half the time, and most questions need no more.
ENGLISH = {
    "language": "NULL::text",
    "readings": "",
    "lexemes": "tsvector_to_array(to_tsvector('english'::regconfig, w.word))",
    "version": "$4",
    "user": "$5::uuid",
    "agent": "$6::uuid",
}
EVERY_LANGUAGE = {
    "language": "g.language",
    "readings": "LEFT JOIN LATERAL unnest(array_prepend(NULL::text, s.languages)) AS g(language)\n"
    "  ON g.language IS NULL OR w.place <= $4",
    "lexemes": "CASE WHEN w.place <= $4 THEN words_asked(w.word, g.language) ELSE words_exact(w.word) END",
    "version": "$5",
    "user": "$6::uuid",
    "agent": "$7::uuid",
}

#: Stems of words that frame a question in English ("what kind of ...", "the name of ..."), and what they count.
FRAME = frozenset(
    (
        "kind type sort mani much name mention discuss describ say said tell talk plan recent accord specif way thing "
        "happen event activ hobbi item place feel think consid would like interest differ various first last new year "
        "month day date time current often long ago favorit main reason"
    ).split()
)
FRAME_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Word:
    """A stemmed word of the question.

    Attributes:
        lexeme: what it is called by.
        documents: how many indexed rows of the organisation have it.
        others: what it is in other languages that the organisation has; a row with one of them has the word.
        asked: the word as it was asked; nothing where it is no word, but a part or a whole of something written.
    """

    lexeme: str
    documents: int
    others: tuple[str, ...] = ()
    asked: str = ""

    @property
    def weight(self) -> float:
        """What it counts of what its rarity is worth: a word that frames a question says little of what is asked."""
        return FRAME_WEIGHT if self.lexeme in FRAME else 1.0

    @property
    def query(self) -> str:
        """The word as tsquery writes it."""
        return " | ".join(map(quote_lexeme, (self.lexeme, *self.others)))


@dataclass(slots=True)
class Heard:
    """What the rows of ``recall_words`` say of a question; ``unheard``: runs of words that no indexed row has."""

    names: dict[str, frozenset[UUID]] = field(default_factory=dict)
    words: dict[str, Word] = field(default_factory=dict)
    name_words: list[str] = field(default_factory=list)
    unheard: list[list[tuple[str, list[str]]]] = field(default_factory=lambda: [[]])


def hear(rows: Sequence[Any], question: Question, asked_words: Sequence[str]) -> Heard:
    """Tell names from words, and words that somebody said from those that nobody did."""
    heard = Heard()
    name_at: dict[int, str] = {}
    readings: dict[int, list[Any]] = {}
    for row in rows:
        if row["place"] is None:
            return heard  # a question without a single word
        readings.setdefault(row["place"], []).append(row)
    language = _language_of(readings, len(asked_words))
    for position, read in readings.items():
        first = read[0]
        if position > len(asked_words):  # what the question has besides words goes first
            exact = zip(first["lexemes"], first["documents"], strict=True)
            heard.words = {lexeme: Word(lexeme, documents) for lexeme, documents in exact} | heard.words
            continue
        asked_word = asked_words[position - 1]
        if first["participants"] and question.is_name(asked_word):
            heard.names[asked_word] = frozenset(first["participants"])
            name_at[position] = asked_word
            heard.name_words += dict.fromkeys(lexeme for row in read for lexeme in row["lexemes"])
            heard.unheard.append([])
            continue
        looked_up = _words_of(asked_word, read, language)
        heard.words |= {word.lexeme: word for word in looked_up}
        if looked_up and not any(word.documents for word in looked_up):
            heard.unheard[-1].append((asked_word, [word.lexeme for word in looked_up]))
        else:
            heard.unheard.append([])
    heard.names |= _whole_names(heard.names, name_at)
    return heard


def _whole_names(names: Mapping[str, frozenset[UUID]], name_at: Mapping[int, str]) -> dict[str, frozenset[UUID]]:
    """Return who is meant by names that stand side by side: of all called Ada and all called King, Ada King.

    Args:
        names: who is called by each word.
        name_at: those words by their places in the question, in order.
    """
    meant: dict[str, frozenset[UUID]] = {}
    side_by_side: list[str] = []
    for position, word in name_at.items():
        before = meant[side_by_side[-1]] if position - 1 in name_at else frozenset()
        side_by_side = [*side_by_side, word] if before & names[word] else [word]
        meant |= dict.fromkeys(side_by_side, before & names[word] or names[word])
    return meant


def _language_of(readings: Mapping[int, Sequence[Any]], words: int) -> str | None:
    """Return the language in which most words of a question are stop words; English (None), where none has more."""
    stops: dict[str | None, int] = {None: 0}
    for place, read in readings.items():
        for row in read:
            if place <= words:
                stops[row["language"]] = stops.get(row["language"], 0) + (not row["lexemes"])
    return max(stops, key=lambda language: stops[language])


def _words_of(asked: str, read: Sequence[Any], language: str | None) -> list[Word]:
    """Return what a word is looked up as: its forms in all languages as one, where each is a single lexeme.

    A stop word of the language that the question is asked in is no word.
    """
    if any(row["language"] == language and not row["lexemes"] for row in read):
        return []
    documents_of = {lexeme: n for row in read for lexeme, n in zip(row["lexemes"], row["documents"], strict=True)}
    if len(documents_of) > 1 and all(len(row["lexemes"]) <= 1 for row in read):
        first, *others = documents_of
        return [Word(first, sum(documents_of.values()), tuple(others), asked)]
    return [Word(lexeme, documents, asked=asked) for lexeme, documents in documents_of.items()]


def quote_lexeme(lexeme: str) -> str:
    """Return a lexeme as tsquery writes it."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
