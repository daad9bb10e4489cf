"""A question, taken apart: words, dates, and what kind of answer it wants. No database, no model."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from mnemon.memory.recall import when
from mnemon.memory.recall.when import Named

#: Letters and digits, and the marks that belong to the letter before: \\w does not have those.
_LETTER = (
    r"(?:[^\W_]|[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    r"\u0900-\u0963\u0966-\u0dff])"
)
_WORDS = re.compile(rf"{_LETTER}+(?:['’]{_LETTER}+)*")
_PLAIN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_HUMP = re.compile(r"([a-z0-9])([A-Z])")
#: Where a text may have more than words, as the database's words_of() looks at it: identifiers, other scripts, emoji.
_MORE = re.compile(r"[^\x00-\x7f]|[_@#\\%$&+~/:=]|[.,][0-9A-Za-z]|[a-z][A-Z]|-[0-9]|[0-9][-eE]|[0-9] [0-9]")
#: Characters of a question that are looked at.
TEXT_LIMIT = 4000
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)


#: Names that are common words too: they are a name only when written like one.
AMBIGUOUS = frozenset(
    (
        "art august bill bliss charity chase chip dawn drew faith frank grace grant gene hope hunter iris ivy "
        "jack jade joy june mark may melody mercy miles pat penny pierce ray rich rob rose ruby sky sue summer "
        "victor violet wade will houston lee max sun so do in an it is as or up us we me my he"
    ).split()
)

#: What asks for a time. A "when" in the middle asks for none, unless its clause is the question: "what did she think
#: when he left".
_TIME_QUESTION = re.compile(
    r"^\W*when\b|\bwhen (?:did|was|were|is|are|will|has|have|does|do|had|would|can|should)\b|"
    r"\b(?:what|which) (?:year|month|date|day|time|week|season)\b|\bhow long\b|\b(?:since|until) when\b|"
    r"\bhow many (?:days|weeks|months|years)\b|\bhow (?:recently|soon|old)\b",
    re.IGNORECASE,
)
_TIME_WORDS = frozenset(
    (
        "yesterday today tomorrow tonight ago recently since until weekend weekends monday tuesday wednesday thursday "
        "friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays january february march "
        "april june july august september october november december"
    ).split()
)
#: Words that make a time together with the next: looked at more closely only where one of them stands.
_TIME_HINTS = frozenset(
    ["last", "next", "this", "just", "two", "three", "four", "five", "six", "few", "couple", "other"]
)
_TIME_PHRASE = re.compile(
    r"\b(?:(?:last|next|this) (?:night|morning|week|month|year|past|summer|winter|spring|fall|autumn|mon|tues|wednes|"
    r"thurs|fri|satur|sun)|just (?:got|had|went|started|finished|bought|did|won)\b|"
    r"(?:two|three|four|five|six|few|couple)(?: of)? (?:days|weeks|months|years)\b|the other day\b|"
    r"(?:19|20)\d\d\b|\d+ (?:minutes?|hours?|days?|weeks?|months?|years?)\b)"
)
_PLAIN_WORDS = re.compile(r"[a-z]+|\d")


def tells_time(text: str) -> bool:
    """Tell whether a text has an expression of time: a day, a date, a span, a "just went"."""
    lower = text.lower()
    words = set(_PLAIN_WORDS.findall(lower))
    if not words.isdisjoint(_TIME_WORDS):
        return True
    hinted = not words.isdisjoint(_TIME_HINTS) or any(word.isdigit() for word in words)
    return hinted and _TIME_PHRASE.search(lower) is not None


#: What a question asks for, against what an answer to it looks like.
_ANSWERS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (
        re.compile(r"\bhow (?:many|much|often|old|far|big|tall)\b", re.IGNORECASE),
        re.compile(
            r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|dozen|couple|twice|once|several|few)\b",
            re.IGNORECASE,
        ),
    ),
    (
        re.compile(
            r"\b(?:where|which (?:city|country|place|state|town)|what (?:city|country|place|state|town))\b", re.I
        ),
        re.compile(r"\b(?:in|at|to|from|near|around|into) (?:the |a |my |our )?[A-Z]"),
    ),
    (
        re.compile(r"\b(?:why|what (?:made|inspired|motivated|caused|reason)|how come)\b", re.IGNORECASE),
        re.compile(
            r"\b(?:because|since|so that|due to|reason|inspired|wanted to|in order|thanks to|cause[ds]?)\b", re.I
        ),
    ),
    (
        re.compile(
            r"\b(?:what (?:is|was|are|were) .*(?:name|called|title)|which (?:book|movie|song|game|band|show)|"
            r"what (?:book|movie|song|game|band|show|kind|type)|who)\b",
            re.IGNORECASE,
        ),
        re.compile(r"[\"“][^\"”]{2,60}[\"”]|(?<=[a-z,] )[A-Z][a-z]{2,}"),
    ),
)

#: Traits of a text, one bit each: it tells a time; then, kind by kind, it looks like an answer.
TELLS_TIME = 1
_FIRST_ANSWER = 2
#: In the place of traits: the text has not been read.
UNREAD = -1


def traits_of(text: str) -> int:
    """Return what a text looks like, whatever is asked."""
    answers = sum(_FIRST_ANSWER << n for n, (_, answer) in enumerate(_ANSWERS) if answer.search(text))
    return answers + tells_time(text)


@dataclass(frozen=True, slots=True)
class Question:
    """What a question says on its face.

    Attributes:
        text: as it was asked.
        words: distinct words, lower-case, without possessive endings, in order.
        capitalised: those of them that were written with a capital.
        times: the times it names, in the asker's local time.
        zone: the asker's.
        asks_when: whether it asks for a time.
        answers: what an answer of the kind it asks for looks like: traits, see :func:`traits_of`.
        has_more: whether it may have more than words: identifiers, other scripts, emoji.
    """

    text: str
    words: tuple[str, ...]
    capitalised: frozenset[str]
    times: tuple[Named, ...]
    zone: tzinfo
    asks_when: bool
    answers: int
    has_more: bool = False

    def is_name(self, word: str) -> bool:
        """Tell whether a word that somebody is called by is meant as the name here."""
        return word not in AMBIGUOUS or word in self.capitalised

    def without(self, names: frozenset[str]) -> str:
        """Return the question without these names and their possessive endings; as it was, if nothing would be left."""
        if not names:
            return self.text
        any_name = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        left = re.sub(rf"(?<!\w)(?:{any_name})(?:['’]s)?(?!\w)", " ", self.text, flags=re.IGNORECASE)
        left = " ".join(left.split())
        return left if any(ch.isalnum() for ch in left) else self.text


def read(text: str, asked: datetime | None = None, *, southern: bool = False) -> Question:
    """Take a question apart.

    Args:
        text: the question.
        asked: the moment of asking, in the asker's zone; now in UTC, if left out.
        southern: whether seasons are those of the south.
    """
    asked = asked or datetime.now(UTC)
    raw = _split(text[:TEXT_LIMIT])
    return Question(
        text=text,
        words=tuple(dict.fromkeys(word.lower().replace("’", "'") for word in raw)),
        capitalised=frozenset(word.lower() for word in raw if word[:1].isupper()),
        has_more=_MORE.search(text[:TEXT_LIMIT]) is not None,
        times=when.read(text, asked, southern=southern),
        zone=asked.tzinfo or UTC,
        asks_when=bool(_TIME_QUESTION.search(text)),
        answers=sum(_FIRST_ANSWER << n for n, (asks, _) in enumerate(_ANSWERS) if asks.search(text)),
    )


def _split(text: str) -> list[str]:
    """List the words as they are written, and the parts of those that are written like getUserName."""
    if text.isascii():
        words = [_POSSESSIVE.sub("", word) for word in _PLAIN.findall(text)]
    else:
        words = [_POSSESSIVE.sub("", word) for word in _WORDS.findall(unicodedata.normalize("NFKC", text))]
    return [part for word in words for part in (word, *_camel(word))]


def _camel(word: str) -> list[str]:
    return _HUMP.sub(r"\1 \2", word).split() if _HUMP.search(word) else []
