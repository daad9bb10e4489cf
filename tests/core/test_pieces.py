"""Long texts in pieces: nothing is lost, nothing is too long, and no character that is seen is cut in two."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon.core.pieces import PIECE, cut

#: What is hard to cut: borders of every kind, and characters that belong to the one before.
ALPHABET = "ab. !?\n\r\t\u2028\u3000。」é\u0301\u200d\ufe0f👍🏽👩🚀🇩🇪한\u1112\u1161\u11abक\u094dष"


@given(st.text(max_size=600), st.integers(8, 80))
def test_joined_they_are_the_text_and_none_is_too_long(text: str, limit: int) -> None:
    pieces = cut(text, limit)
    assert "".join(pieces) == text
    assert all(len(piece) <= limit for piece in pieces)
    assert all(len(piece) >= limit // 2 for piece in pieces[:-1])
    assert len(pieces) == 1 or len(pieces[-1]) >= limit // 4


@given(st.text(ALPHABET, max_size=600), st.integers(8, 80))
def test_so_it_is_with_what_is_hard_to_cut(text: str, limit: int) -> None:
    pieces = cut(text, limit)
    assert "".join(pieces) == text
    assert all(len(piece) <= limit for piece in pieces)


@given(st.lists(st.sampled_from(["e\u0301", "👩‍🚀", "🇩🇪", "👍🏽", "\r\n", "각", "❤️", "x"]), min_size=30, max_size=200))
def test_what_is_seen_as_one_character_stays_whole(characters: list[str]) -> None:
    """None of these begins with what continues a character, so none is cut if no piece does."""
    for piece in cut("".join(characters), 40):
        first = piece[0]
        assert unicodedata.category(first) not in {"Mn", "Mc", "Me"}
        assert first not in "\u200d\u1161\u11a8\U0001f3fd\ufe0f"
        if not piece.startswith("🇩"):
            assert first != "🇪"
    flags = cut("🇩🇪" * 100, 41)
    assert all(len(piece) % 2 == 0 for piece in flags)


def test_it_is_cut_at_a_paragraph_before_a_line_a_sentence_and_a_word() -> None:
    def text(*borders: str) -> str:
        return "".join(f"{'w' * 150}{border}" for border in borders)

    words = text(*[" "] * 20)
    first = {
        "paragraph": text(*[" "] * 7, "\n\n", *[" "] * 12),
        "line": text(*[" "] * 7, "\n", *[" "] * 12),
        "sentence": text(*[" "] * 7, '." ', *[" "] * 12),
    }
    for kind, one in first.items():
        assert len(cut(one)[0]) in (150 * 8 + 7 + len({"paragraph": "\n\n", "line": "\n", "sentence": '." '}[kind]),)
    assert cut(words)[0].endswith("w ")
    both = text(*[" "] * 5, "\n\n", " ", "\n", " ", ". ", *[" "] * 10)
    assert cut(both)[0].endswith("\n\n")
    japanese = "これは文です。" * 500
    assert all(piece.endswith("。") for piece in cut(japanese))


def test_paragraphs_stay_together_up_to_a_piece() -> None:
    paragraphs = [f"{n} " + "word " * 60 for n in range(100)]
    pieces = cut("\n\n".join(paragraphs))
    assert all(PIECE // 2 <= len(piece) <= PIECE for piece in pieces[:-1])
    assert [p.strip() for p in "".join(pieces).split("\n\n")] == [p.strip() for p in paragraphs]
    assert all(piece.split(" ")[0].isdigit() for piece in pieces), "each begins with a paragraph"


@pytest.mark.parametrize(
    "text", ["x" * 4_000_000, " " * 4_000_000, "\u0301" * 400_000, "word. " * 600_000, "🇩" * 400_000]
)
def test_the_time_it_takes_grows_with_the_text(text: str) -> None:
    began = time.process_time()
    assert "".join(cut(text)) == text
    assert time.process_time() - began < 20


def test_a_short_text_is_one_piece() -> None:
    assert cut("") == [""]
    assert cut(" short\n") == [" short\n"]
    assert cut("x" * PIECE) == ["x" * PIECE]
