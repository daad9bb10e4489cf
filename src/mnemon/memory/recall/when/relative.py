"""Times as seen from the moment of asking: yesterday, last week, three days ago, on Monday, at 3 pm."""

from __future__ import annotations

from mnemon.memory.recall.when import spans
from mnemon.memory.recall.when.reader import GOES_ON, UNSURE_DAYS, Found, Reader, cycle_of, spans_of
from mnemon.memory.recall.when.spans import Cycle


def day_word(reader: Reader, at: int) -> Found | None:
    """Read "yesterday", "yesterday evening", "tonight", "last night", "gestern Abend"."""
    whole = reader.word(at, "parts")
    if whole is not None and len(whole[1].value) == 3:
        first, last, offset = whole[1].value
        today = spans.calendar("day", reader.now, offset).begin
        return spans_of(at, at + whole[0], spans.part(first, last).make(today.date()) if today else None)
    meaning = reader.word(at, "days")
    if meaning is None:
        return None
    index = at + meaning[0]
    span = spans.calendar("day", reader.now, meaning[1].value)
    part = reader.word(index, "parts")
    morning = reader.text(index) == "morgen"  # "gestern Morgen"
    if (part is not None or morning) and span.begin is not None:
        first, last = part[1].value[:2] if part is not None else (5, 12)
        return spans_of(at, index + (part[0] if part else 1), spans.part(first, last).make(span.begin.date()))
    return spans_of(at, index, span)


def relative(reader: Reader, at: int) -> Found | None:
    """Read "last week", "this morning", "next Friday", "last spring", "the past two weeks", "la semaine dernière"."""
    counted = reader.word(at, "past")
    if counted is not None:
        number = reader.count(at + counted[0])
        unit = reader.word(number[1] if number else at + counted[0], "unit")
        if unit is not None and (number or reader.text(at) == "past") and unit[1].value != "weekend":
            index = (number[1] if number else at + counted[0]) + unit[0]
            return spans_of(at, index, spans.past(unit[1].value, number[0] if number else 1, reader.now))
    meaning = reader.word(at, "relative")
    if meaning is not None:
        which, index = meaning[1].value, at + meaning[0]
        unit = reader.word(index, "unit")
        if unit is not None and which < 0 and reader.text(at - 1) == "the" and unit[1].value != "weekend":
            return spans_of(at, index + unit[0], spans.past(unit[1].value, 1, reader.now))  # "in the last week"
        if unit is not None:
            return spans_of(at, index + unit[0], spans.calendar(unit[1].value, reader.now, which))
        cycle = _plain_cycle(reader, index)
        if cycle is not None and (cycle[2] != "parts" or which == 0):
            if cycle[2] == "parts":
                today = spans.calendar("day", reader.now, 0)
                return spans_of(at, cycle[1], *cycle[0].within(today))
            if reader.year_after(cycle[1]):
                return None
            return spans_of(at, cycle[1], cycle[0].relative(which, reader.now))
        return None
    unit = reader.word(at, "unit")
    after = reader.word(at + unit[0], "relative") if unit is not None else None
    if unit is not None and after is not None and after[1].language in {"es", "fr"}:
        return spans_of(at, at + unit[0] + after[0], spans.calendar(unit[1].value, reader.now, after[1].value))
    return None


def _plain_cycle(reader: Reader, at: int) -> tuple[Cycle, int, str] | None:
    """Return (what comes again, next place, of which kind) that a word or two name."""
    meaning = reader.word(at, "month", "weekday", "seasons", "holidays", "parts")
    if meaning is None:
        return None
    length, word = meaning
    if word.kind == "month":
        return spans.month(word.value), at + length, word.kind
    if word.kind == "weekday":
        return spans.weekday(word.value), at + length, word.kind
    if word.kind == "seasons":
        return spans.season(word.value, reader.southern), at + length, word.kind
    if word.kind == "holidays":
        return spans.holiday(word.value), at + length, word.kind
    return spans.part(*word.value[:2]), at + length, word.kind


def ago(reader: Reader, at: int) -> Found | None:
    """Read "three days ago", "vor drei Tagen", "hace tres días", "il y a trois jours"."""
    index, needs_after = at, True
    before = reader.word(at, "before_ago")
    if before is not None:
        index, needs_after = at + before[0], False
    number = reader.count(index)
    if number is None:
        return None
    halved = reader.text(number[1]) in {"half", "halben"}
    number = (number[0], number[1] + halved)
    unit = reader.word(number[1], "unit")
    if unit is None or unit[1].value == "weekend":
        return None
    end = number[1] + unit[0]
    if unit[1].value == "year" and ("half" in (reader.text(at - 1), reader.text(number[1] - 1)) or halved):
        number, unit = (6, end), (unit[0], unit[1]._replace(value="month"))
    if needs_after:
        after = reader.word(end, "after_ago")
        if after is None:
            return None
        end += after[0]
    return spans_of(at, end, spans.ago(unit[1].value, number[0], reader.now))


def weekday(reader: Reader, at: int) -> Found | None:
    """Read "on Monday", "Monday morning"; a short name only after a word that comes before times."""
    meaning = reader.word(at, "weekday")
    if meaning is None or (reader.text(at) in UNSURE_DAYS and not (reader.prepared(at) and reader.tokens[at].capital)):
        return None
    return cycle_of(at, at + meaning[0], spans.weekday(meaning[1].value))


def weekend(reader: Reader, at: int) -> Found | None:
    """Read "at the weekend", "am Wochenende": the last one that has begun."""
    meaning = reader.word(at, "unit")
    if meaning is None or meaning[1].value != "weekend" or not reader.prepared(at) or reader.text(at).endswith("s"):
        return None
    this = spans.calendar("weekend", reader.now, 0)
    begun = this.begin is not None and this.begin <= reader.now
    return spans_of(at, at + meaning[0], this if begun else spans.calendar("weekend", reader.now, -1))


def clock(reader: Reader, at: int) -> Found | None:
    """Read "at 3 pm", "at 15:30", "um 15 Uhr"."""
    token = reader.tokens[at]
    index, sure = at + 1, bool(reader.word(at - 1, "at"))
    if token.kind == "clock":
        hour, minute = token.value
    elif token.kind == "number" and not token.value[1] and token.value[0] < 24:
        hour, minute = token.value[0], None
    else:
        return None
    if reader.text(index) in {"am", "pm"} and 1 <= hour <= 12 and reader.word(at - 1, "at", "near", "days", "weekday"):
        hour, index, sure = hour % 12 + (12 if reader.text(index) == "pm" else 0), index + 1, True
    elif reader.word(index, "clock"):
        index, sure = index + 1, True
        if minute is None and (minutes := reader.at(index)) and minutes.kind == "number" and minutes.value[0] < 60:
            minute, index = minutes.value[0], index + 1
    elif token.kind != "clock":
        return None
    sure = sure or reader.word(at - 1, "days", "weekday", "month") is not None or reader.is_date(at - 1)
    return cycle_of(at, index, spans.clock(hour, minute)) if sure else None


def part(reader: Reader, at: int) -> Found | None:
    """Read "in the morning", "abends": only together with a day."""
    meaning = reader.word(at, "parts")
    return (
        cycle_of(at, at + meaning[0], spans.part(*meaning[1].value[:2]))
        if meaning and len(meaning[1].value) == 2
        else None
    )


def month_day(reader: Reader, at: int) -> Found | None:
    """Read "on the 3rd": the last one."""
    token = reader.tokens[at]
    if token.kind != "number" or token.value[1] not in {"st", "nd", "rd", "th"} or not 1 <= token.value[0] <= 31:
        return None
    if reader.text(at - 1) != "the" or reader.text(at - 2) not in {"on", "since", "before", "after", "until"}:
        return None
    follows = reader.at(at + 1)
    if follows is not None and follows.kind == "word" and follows.text not in GOES_ON and not token.ends:
        return None
    for back in range(3):
        month = spans.calendar("month", reader.now, -back).begin
        if month is None:
            continue
        try:
            span = spans.days(month.date().replace(day=token.value[0]))
        except ValueError:
            continue
        if span.begin is not None and span.begin <= reader.now:
            return spans_of(at, at + 1, span)
    return None
