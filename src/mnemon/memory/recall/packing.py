"""Packing: as many of the best hits as a token budget has room for."""

from __future__ import annotations

from collections.abc import Sequence

#: Characters of a token, on the whole, in the tokenizers of current language models on English text; others pack less
#: tightly, so a character outside ASCII counts as two thirds of a token.
_CHARACTERS = 4.0


def tokens(text: str) -> int:
    """Estimated tokens of a text: never exact, never far off, the same everywhere."""
    plain = sum(1 for ch in text if ch < "\x80") if not text.isascii() else len(text)
    return max(1, round(plain / _CHARACTERS + (len(text) - plain) / 1.5))


def pack(sizes: Sequence[int], budget: int | None) -> list[int]:
    """Return indexes of what fits, in order: a hit that is too large is passed over for smaller ones after it.

    Args:
        sizes: tokens of each hit, best first.
        budget: tokens in all; None: no limit. The best hit always comes, even alone over budget.
    """
    if budget is None:
        return list(range(len(sizes)))
    chosen: list[int] = []
    spent = 0
    for index, size in enumerate(sizes):
        if spent + size <= budget or not chosen:
            chosen.append(index)
            spent += size
    return chosen
