"""The labelled sets of the languages have the form that their figures rest on."""

from __future__ import annotations

import json
import unicodedata

import pytest
from bench.languages import NAMES, SETS, Found, Labelled, figures, read_sets

#: The script of each language's letters, as Unicode names them; the others are written in Latin ones.
SCRIPTS = {
    "ar": {"ARABIC"},
    "ja": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    "ko": {"HANGUL"},
    "ru": {"CYRILLIC"},
    "th": {"THAI"},
    "zh": {"CJK"},
}
#: What of a set's letters may be of another script: names such as Wi-Fi.
FOREIGN = 0.02

ALL = read_sets()
each = pytest.mark.parametrize("one", ALL, ids=lambda one: one.language)


def scripts(text: str) -> list[str]:
    """The script of each letter of a text."""
    return [unicodedata.name(sign).split(" ")[0] for sign in text if sign.isalpha()]


def test_there_are_twelve_languages_and_those_that_are_hard() -> None:
    languages = {one.language for one in ALL}
    assert len(languages) >= 12
    assert languages <= set(NAMES)
    assert {"zh", "ja", "ko", "th", "ru", "de", "fi", "tr", "ar", "pl"} <= languages


@each
def test_each_line_is_a_memory_or_a_question(one: Labelled) -> None:
    for line in (SETS / f"{one.language}.jsonl").read_text(encoding="utf-8").splitlines():
        assert set(json.loads(line)) in ({"id", "text"}, {"question", "in", "answer"}), line


@each
def test_there_are_forty_memories_and_twenty_five_questions(one: Labelled) -> None:
    assert list(one.memories) == [f"{one.language}-{number:02}" for number in range(1, 41)]
    assert len(one.questions) == 25


@each
def test_nothing_is_there_twice(one: Labelled) -> None:
    texts = [*one.memories.values(), *(question.text for question in one.questions)]
    assert len({" ".join(text.casefold().split()) for text in texts}) == len(texts)
    answers = [question.answer for question in one.questions]
    assert len(set(answers)) == len(answers), "a memory that answers twice counts twice"


@each
def test_each_question_names_its_memory(one: Labelled) -> None:
    assert {question.answer for question in one.questions} <= set(one.memories)


@each
def test_some_questions_are_asked_in_other_languages(one: Labelled) -> None:
    across = [question.language for question in one.questions if question.language != one.language]
    assert 6 <= len(across) <= 10
    assert "en" in across
    assert len(set(across)) >= 3


@each
def test_texts_are_in_their_languages_script(one: Labelled) -> None:
    texts = {one.language: " ".join(one.memories.values())}
    for question in one.questions:
        texts[question.language] = f"{texts.get(question.language, '')} {question.text}"
    for language, text in texts.items():
        found = scripts(text)
        foreign = [script for script in found if script not in SCRIPTS.get(language, {"LATIN"})]
        assert len(foreign) <= FOREIGN * len(found) + 5, (language, set(foreign))
    if one.language == "ja":
        assert {"CJK", "HIRAGANA", "KATAKANA"} <= set(scripts(texts["ja"]))


@each
def test_texts_are_composed_trimmed_and_of_a_sentences_length(one: Labelled) -> None:
    for text in [*one.memories.values(), *(question.text for question in one.questions)]:
        assert text == unicodedata.normalize("NFC", text).strip()
        assert 5 <= len(text) <= 120


def test_a_row_counts_what_was_found() -> None:
    found = [
        Found("zh", False, 0, 4),
        Found("zh", False, 3, None),
        Found("zh", True, None, None),
        Found("zh", True, 0, 0),
    ]
    assert list(figures(found).values()) == [100, 50, 50, 50, 50, 50]
