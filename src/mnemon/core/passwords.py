"""What cannot be a password: too short or too long, what everybody chooses, what everybody knows of the person.

A list of words and some rules, not a list of passwords: the spelling with capitals, with a digit for a letter, with a
year or marks around it is seen through, so that a word stands for thousands of passwords.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

MINIMUM = 10
#: bcrypt reads no more.
MAXIMUM_BYTES = 72
#: Fewer different characters are a pattern.
DIFFERENT = 5
#: What is left of a password without runs and words that everybody knows has at least so many characters.
LEFT = 6
#: Shorter words are in too many others to mean the person; shorter runs are in too many words.
SHORTEST = 4
#: Ours: what somebody thinks of first who signs in here.
PRODUCT = ("mnemonic", "mnemon")

_RUNS = (
    *("1234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm"),
    "abcdefghijklmnopqrstuvwxyz",
)
#: Digits and marks that stand for letters; 1 for two of them.
_SPELLINGS = (str.maketrans("@4831!|0$57+", "aabeiiiosstt"), str.maketrans("@4831!|0$57+", "aabelllosstt"))
_NO_LETTER = r"[\W\d_]+"


def impossible(password: str) -> tuple[str, str] | None:
    """Return why no hash can be of this, as (rule, sentence); None if one can: what was allowed once stays so."""
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        return "characters", "the password has a lone surrogate: it was decoded wrongly"
    if size > MAXIMUM_BYTES:
        return "password_too_long", f"a password has at most {MAXIMUM_BYTES} bytes"
    if "\x00" in password:
        return "characters", "the password has a NUL character"
    return None


def problem(password: str, about: Iterable[str | None] = ()) -> tuple[str, str] | None:
    """Return why this cannot be a new password, as (rule, sentence); None if it can.

    Args:
        password: as it was typed.
        about: what everybody knows of the person: e-mail address and names.
    """
    if len(password) < MINIMUM:
        return "password_too_short", f"a password has at least {MINIMUM} characters; a few words make a good one"
    reason = impossible(password)
    if reason is not None:
        return reason
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(set(folded)) < DIFFERENT:
        return "password_simple", f"a password has at least {DIFFERENT} different characters"
    if _is_run(folded) or any(_unit(spelt) in _common() for spelt in _spellings(folded)):
        return "password_common", "this is among the first passwords that anybody tries; a few words make a good one"
    if _says_little_beside(folded, _words((*PRODUCT, *about))):
        return "password_personal", "the password says little more than the person's or the product's name"
    return None


@cache
def _common() -> frozenset[str]:
    text = files("mnemon.core").joinpath("data", "common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def _spellings(folded: str) -> Iterator[str]:
    """Yield the word that may be meant: without digits and marks around and in it, or with letters for them."""
    bare = {folded, re.sub(f"^{_NO_LETTER}", "", folded), re.sub(f"{_NO_LETTER}$", "", folded)}
    bare |= {re.sub(f"^{_NO_LETTER}|{_NO_LETTER}$", "", folded)}
    for word in bare:
        for spelt in (word, *(word.translate(letters) for letters in _SPELLINGS)):
            yield spelt
            yield re.sub(_NO_LETTER, "", spelt)


def _unit(word: str) -> str:
    """Return the shortest part that the word repeats, as `abc` of `abcabcabc`; the word itself if there is none."""
    again = (word + word).find(word, 1)
    return word[:again] if 0 < again < len(word) else word


def _is_run(folded: str) -> bool:
    """Tell whether little is left without runs along the keyboard, the alphabet or the digits, in either direction."""
    left, place = 0, 0
    while place < len(folded):
        length = max(_run_at(folded, place, row) for row in _RUNS for row in (row, row[::-1]))
        if length < SHORTEST:
            left, length = left + 1, 1
        place += length
    return left < LEFT


def _run_at(folded: str, place: int, row: str) -> int:
    length = 0
    while place + length < len(folded) and folded[place : place + length + 1] in row:
        length += 1
    return length


def _words(about: Iterable[str | None]) -> list[str]:
    """Return every word that names somebody, the longest first."""
    found: set[str] = set()
    for said in about:
        whole = unicodedata.normalize("NFKC", said or "").casefold()
        found |= {whole, whole.partition("@")[0], *re.split(r"[\W_]+", whole), re.sub(r"[\W_]+", "", whole)}
    return sorted((word for word in found if len(word) >= SHORTEST), key=len, reverse=True)


def _says_little_beside(folded: str, words: list[str]) -> bool:
    """Tell whether little is left of one of its spellings without these words."""
    for spelt in (folded, *(folded.translate(letters) for letters in _SPELLINGS)):
        left = spelt
        for word in words:
            left = left.replace(word, "")
        letters = re.sub(_NO_LETTER, "", left)
        if left != spelt and (len(left) < LEFT or len(letters) < SHORTEST):
            return True
    return False
