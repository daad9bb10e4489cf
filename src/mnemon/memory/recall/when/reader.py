"""A reader over the tokens of one question: what stands where, and what a rule finds there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mnemon.memory.recall.when.spans import Cycle, Span
from mnemon.memory.recall.when.tokens import Token
from mnemon.memory.recall.when.words import Word

#: Months that are names or common words too, and seasons: a time only after a word that comes before times.
UNSURE_MONTHS = frozenset("may march mar april june august mai mars sept jan dec sep juni juli".split())
UNSURE_DAYS = frozenset("mon tue tues wed thu thur thurs fri sat sun".split())
#: What may follow an English season: of a word that goes on with it ("spring water") it is a part.
GOES_ON = frozenset(
    "i we you he she they it did was were is are do does had has have will would can could with at in on and or but of "
    "to for when that who what where how which go happen before after".split()
)
#: Words before a number that is no year, and after one that is a count.
NO_YEAR = frozenset(
    "room number no nr model line port page version release item order ticket row id chapter part zimmer nummer seite "
    "modell zeile raum bestellung artikel habitación sala página chambre numéro salle error code build unit apartment "
    "flat suite box invoice rechnung factura facture option track bus flight platform".split()
)
COUNTED = frozenset(
    "dollars dollar euros euro eur usd people persons rows items km kilometers meters metres miles times points words "
    "tokens lines pages files users kg grams percent prozent meter kilometer zeilen personen leute stück mal personas "
    "veces personnes fois bytes mb gb ms seconds sekunden".split()
)
ARTICLES = frozenset("the der dem den die das el la los las le les".split())
CONNECTORS = ARTICLES | frozenset("in of on at im am des de del du um en".split())
#: What a time begins with, where it is a word; and a range.
STARTS = frozenset(
    "before_ago numbers days parts relative past unit month weekday seasons holidays ordinals week_numbers years early "
    "middle late".split()
)
PREPARE = ("near", "since", "before", "after", "until", "between", "joins", "relative", "early", "middle", "late", "at")
OPENS = frozenset({"between", "since", "before", "after", "until"})
FROM = frozenset({"from", "von", "vom", "desde", "de", "du"})


@dataclass(slots=True)
class Found:
    """What a rule found: spans, or what comes again, and at which tokens."""

    spans: tuple[Span, ...]
    cycles: tuple[Cycle, ...]
    begin: int
    end: int


class Reader:
    """Reads the tokens of one question.

    Args:
        read: the tokens.
        now: the moment of asking, in the asker's local time.
        southern: whether seasons are those of the south.
    """

    def __init__(self, read: list[Token], now: datetime, *, southern: bool) -> None:
        self.tokens = read
        self.now = now
        self.southern = southern

    # -- looking around --------------------------------------------------------------------------------------------

    def at(self, index: int) -> Token | None:
        """Return a token, None beyond the ends."""
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def word(self, index: int, *kinds: str) -> tuple[int, Word] | None:
        """Return the meaning of the word or phrase at a place, if it is of one of these kinds."""
        token = self.at(index)
        return token.means(*kinds) if token is not None else None

    def text(self, index: int) -> str:
        """Return the text of a token, nothing beyond the ends."""
        token = self.at(index)
        return token.text if token is not None else ""

    def prepared(self, index: int) -> bool:
        """Tell whether what stands before a place lets a time be expected there."""
        return self.word(index - 1, *PREPARE) is not None or any(
            (each := self.word(index - length, "early", "middle", "late", "before", "until")) and each[0] == length
            for length in (2, 3)
        )

    def is_date(self, index: int) -> bool:
        """Tell whether a date in figures stands at a place."""
        token = self.at(index)
        return token is not None and token.kind in {"span", "either", "cycle", "dotted", "clock"}

    def skip(self, index: int, *, beyond: int = 2, over: frozenset[str] = CONNECTORS) -> int:
        """Return the place after articles and prepositions."""
        while beyond and self.text(index) in over:
            index, beyond = index + 1, beyond - 1
        return index

    def goes_on(self, at: int, index: int) -> bool:
        """Tell whether an English word of time is a part of a longer one: "spring water", "the Christmas tree"."""
        follows, known = self.at(index), self.word(at, "seasons", "holidays")
        if known is None or known[1].language != "en" or self.text(at - 1) in {"im", "am", "an", "zu", "diesen", "en"}:
            return False
        if follows is None or follows.kind != "word" or self.tokens[index - 1].ends:
            return False
        return follows.text not in GOES_ON and not self.word(index, "relative")

    # -- numbers ---------------------------------------------------------------------------------------------------

    def count(self, index: int) -> tuple[int, int] | None:
        """Return (value, next place) of a number in figures or words."""
        token = self.at(index)
        if token is None:
            return None
        if token.kind == "number" and not token.value[1] and token.value[0] < 1000:
            return token.value[0], index + 1
        known = token.means("numbers")
        return (known[1].value, index + known[0]) if known else None

    def day(self, index: int) -> int | None:
        """Return a day of a month in figures."""
        token = self.at(index)
        return token.value[0] if token is not None and token.kind == "number" and 1 <= token.value[0] <= 31 else None

    def year(self, index: int, *, low: int = 1900, high: int = 2199) -> int | None:
        """Return a year in figures."""
        token = self.at(index)
        if token is None or token.kind != "number" or token.value[1] not in {"", "."}:
            return None
        return token.value[0] if low <= token.value[0] <= high and self.text(index + 1) not in COUNTED else None

    def year_after(self, index: int) -> tuple[int, int] | None:
        """Return (year, next place) that follows, also after "of"."""
        before = self.at(index - 1)
        if before is not None and before.ends and not self.text(index).isdigit():
            return None
        for skipped in (index, index + 1):
            if skipped > index and self.text(index) not in {"of", "in", "de", "del", "des", "the"}:
                break
            year = self.year(skipped)
            if year is not None:
                return year, skipped + 1
        return None


def spans_of(begin: int, end: int, *found: Span | None) -> Found | None:
    """Return what was found, None if nothing was."""
    kept = tuple(each for each in found if each is not None)
    return Found(kept, (), begin, end) if kept else None


def cycle_of(begin: int, end: int, *found: Cycle) -> Found:
    """Return what comes again."""
    return Found((), found, begin, end)
