"""WordPiece as BERT's uncased models cut text: lower case, no accents, greedy longest piece first.

It differs from BERT in one thing: a word that the vocabulary cannot spell is left out, where BERT would put [UNK]; a
sum of token vectors is better off without it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

# The two patterns say the same of ASCII; the second meets letters of every script.
_ASCII_WORD = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_WORD = re.compile(r"[^\s!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]")
# Runs to look at character by character before the second pattern: controls and all that is not ASCII.
_SPECIAL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\U0010ffff]+")

_LONGEST_WORD = 100
_CACHED_WORDS = 50_000
_CACHED_CHARACTERS = 20_000


def _is_han(character: str) -> bool:
    """Tell whether the character is written without spaces around its word, so that it stands as a word of its own."""
    return "\u4e00" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf" or "\uf900" <= character <= "\ufaff"


class _Characters(dict[int, str]):
    """A table for ``str.translate``: what replaces each special character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if character.isspace():
            replacement = " "
        elif category in ("Mn", "Cc", "Cf"):  # accents, controls, and marks without width
            replacement = ""
        elif category.startswith("P") or _is_han(character):
            replacement = f" {character} "
        else:
            replacement = character
        if len(self) < _CACHED_CHARACTERS:
            self[code] = replacement
        return replacement


_CHARACTERS = _Characters()


def words(text: str) -> list[str]:
    """Return the words and punctuation marks of a text, lower-cased and without accents, in their order."""
    text = text.lower()
    if text.isascii():
        return _ASCII_WORD.findall(text)
    text = unicodedata.normalize("NFD", text)
    return _WORD.findall(_SPECIAL.sub(lambda run: run[0].translate(_CHARACTERS), text))


class _Pieces(dict[str, tuple[int, ...]]):
    """The token ids of each word, worked out when it is first met and kept while there is room.

    Looking a word up is then one C-level dictionary access. Two threads that meet a new word together both
    work it out and store the same answer, so no lock is needed.
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        super().__init__()
        self._ids = ids
        self._longest_piece = max(map(len, ids), default=0)

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return ()
        pieces = self._split(word)
        if len(self) < _CACHED_WORDS:
            self[word] = pieces
        return pieces

    def _split(self, word: str) -> tuple[int, ...]:
        tokens: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(min(len(word), start + self._longest_piece), start, -1):
                token = self._ids.get(prefix + word[start:end])
                if token is not None:
                    break
            else:
                return ()
            tokens.append(token)
            start = end
        return tuple(tokens)


class WordPiece:
    """A tokeniser over one vocabulary; safe to share between threads.

    Args:
        vocabulary: the tokens, their position being their id; those that continue a word begin with ``##``.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._pieces = _Pieces({token: position for position, token in enumerate(vocabulary)})

    def ids(self, text: str) -> list[int]:
        """Return the token ids of one text; empty when no word of it can be spelled."""
        return list(chain.from_iterable(map(self._pieces.__getitem__, words(text))))

    def ids_of_all(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the token ids of each text, in their order."""
        look_up = self._pieces.__getitem__
        return [list(chain.from_iterable(map(look_up, words(text)))) for text in texts]
