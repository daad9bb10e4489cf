"""A long text in pieces: where it is cut, so that each can be found by itself, and all of them are the text."""

from __future__ import annotations

import re
import unicodedata

#: Characters of a piece at most: a few paragraphs that are about one thing, some 375 tokens, so that a recall of an
#: agent's usual 2,000 tokens has room for five pieces of five texts.
PIECE = 1_500
#: A text of more characters is worth cutting where that is asked for: it makes two full pieces at least.
SPLIT_OVER = 2 * PIECE

#: Where a text may be cut, in the order of preference: after a paragraph, a line, a sentence, a word. The white space
#: after it goes with what stands before.
_BORDERS = tuple(
    re.compile(border)
    for border in (
        r"(?:\r\n|[\n\r\x0b\x0c\u0085\u2028\u2029])[ \t]*(?:\r\n|[\n\r\x0b\x0c\u0085\u2028\u2029])\s*",
        r"(?:\r\n|[\n\r\x0b\x0c\u0085\u2028\u2029])\s*",
        r"[.!?\u2026\u061f\u06d4\u0964][\"'\u2019\u201d\u00bb)\]]*\s+|[\u3002\uff01\uff1f\uff61][\u300d\u300f\u201d\uff09]*\s*",
        r"\s+",
    )
)
#: A cluster of more characters is cut all the same.
_CLUSTER = 64
_JOINER = "\u200d"


def cut(text: str, limit: int = PIECE) -> list[str]:
    """Return the pieces of a text, which joined are the text.

    Each has at most ``limit`` characters, and all but the last at least half as many. What is seen as one character is
    not cut in two.

    Args:
        text: any text.
        limit: characters of a piece at most, 8 or more.
    """
    pieces, begin = [], 0
    while len(text) - begin > limit:
        # What is left is no crumb: the last two pieces share what there is.
        end = _border(text, begin, begin + limit // 2, min(begin + limit, len(text) - limit // 4))
        pieces.append(text[begin:end])
        begin = end
    return [*pieces, text[begin:]]


def _border(text: str, begin: int, least: int, most: int) -> int:
    """Return the best place to cut a piece that begins somewhere: the last of the best borders between two places."""
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(text, least, most)]
        if ends and ends[-1] > least:
            most = ends[-1]
            break
    for end in range(most, max(most - _CLUSTER, least), -1):
        if not _within(text, begin, end):
            return end
    return most


def _within(text: str, begin: int, place: int) -> bool:
    """Tell whether the two characters around a place are seen as one, in a piece that begins with a whole one."""
    before, after = text[place - 1], text[place]
    if before < "\u0300" and after < "\u0300":
        return before == "\r" and after == "\n"
    if after == _JOINER or before == _JOINER or unicodedata.category(after) in {"Mn", "Mc", "Me"}:
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":  # skin tones, flags of regions
        return True
    if _is_flag(before) and _is_flag(after):  # two letters make a flag
        run = next((n for n in range(1, place - begin) if not _is_flag(text[place - n - 1])), place - begin)
        return run % 2 == 1
    # Korean in parts of syllables: a vowel or an end after what goes before it.
    return "\u1160" <= after <= "\u11ff" and ("\u1100" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7a3")


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
