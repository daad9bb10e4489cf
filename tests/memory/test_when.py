"""Times in questions: what is read as one, as which, and what is not."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mnemon.memory.recall import question, within
from mnemon.memory.recall.when import read
from tests.memory.dated import ASKED, BERLIN, QUESTIONS

NOW = datetime(2026, 11, 29, 14, 30, tzinfo=BERLIN)  # a Sunday


def said(text: str, now: datetime = NOW, *, southern: bool = False) -> str:
    return "; ".join(" or ".join(map(str, one.spans)) for one in read(text, now, southern=southern))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("yesterday", "2026-11-28"),
        ("What came up yesterday?", "2026-11-28"),
        ("Who signed up last week?", "2026-11-16 to 2026-11-22"),
        ("up to 2025", "before 2026-01-01"),
        ("the day after tomorrow", "2026-12-01"),
        ("What was in yesterday's letter?", "2026-11-28"),
        ("last month's bills", "2026-10-01 to 2026-10-31"),
        ("a couple of years ago", "2024-06-02 to 2025-05-28"),
        ("half a year ago", "2026-05-14 to 2026-06-13"),
        ("two hours ago", "2026-11-29 12:00 to 13:00"),
        ("over the last month", "2026-10-29 to 2026-11-29 14:31"),
        ("this spring", "2026-03-01 to 2026-05-31"),
        ("last March", "2026-03-01 to 2026-03-31"),
        ("March last year", "2025-03-01 to 2025-03-31"),
        ("last year in March", "2025-03-01 to 2025-03-31"),
        ("next Tuesday", "2026-12-01"),
        ("Monday last week", "2026-11-16"),
        ("at the weekend", "2026-11-28 to 2026-11-29"),
        ("tonight", "2026-11-29 17:00 to 2026-11-30 06:00"),
        ("at 3 pm", "2026-11-28 15:00 to 16:00"),
        ("at 2 pm", "2026-11-29 14:00 to 15:00"),
        ("on Monday at 15:30", "2026-11-23 15:30 to 15:31"),
        ("on March 3rd", "2026-03-03"),
        ("the 3rd of March 2026", "2026-03-03"),
        ("Sept. 3, 2026", "2026-09-03"),
        ("on the 3rd", "2026-11-03"),
        ("on December 24", "2025-12-24"),
        ("on 29 February", "2024-02-29"),
        ("between March and May", "2026-03-01 to 2026-05-31"),
        ("from March to May 2025", "2025-03-01 to 2025-05-31"),
        ("after 3 March 2026", "since 2026-03-04"),
        ("until yesterday", "before 2026-11-29"),
        ("in the 1990s", "1990-01-01 to 1999-12-31"),
        ("in den 90er Jahren", "1990-01-01 to 1999-12-31"),
        ("in 1850", "1850-01-01 to 1850-12-31"),
        ("Easter 2025", "2025-04-18 to 2025-04-21"),
        ("Thanksgiving 2025", "2025-11-27"),
        ("at the end of 2025", "2025-10-01 to 2025-12-31"),
        ("the winter of 2025/26", "2025-12-01 to 2026-02-28"),
        ("the 2025 budget", "2025-01-01 to 2025-12-31"),
        ("2026-03-03T15:00Z", "2026-03-03 16:00 to 16:01"),
        ("2026-03-03 15:30", "2026-03-03 15:30 to 15:31"),
        ("What was 2026-03 about?", "2026-03-01 to 2026-03-31"),
        ("on 20260303", "2026-03-03"),
        ("on 03/04/2026", "2026-04-03 or 2026-03-04"),
        ("on 13/04/2026", "2026-04-13"),
        ("3. 3. 2026", "2026-03-03"),
        ("gestern um 15 Uhr 30", "2026-11-28 15:30 to 15:31"),
        ("vor dem 3. März 2026", "before 2026-03-03"),
        ("vor einem halben Jahr", "2026-05-14 to 2026-06-13"),
        ("letzte Nacht", "2026-11-28 18:00 to 2026-11-29 06:00"),
        ("im 1. Quartal 2026", "2026-01-01 to 2026-03-31"),
        ("¿Qué comí hace tres días?", "2026-11-26"),
        ("la semana pasada", "2026-11-16 to 2026-11-22"),
        ("el 3 de marzo de 2026", "2026-03-03"),
        ("Qu'est-ce que j'ai fait hier ?", "2026-11-28"),
        ("il y a trois jours", "2026-11-26"),
        ("la semaine dernière", "2026-11-16 to 2026-11-22"),
        ("le 3 mars 2026", "2026-03-03"),
    ],
)
def test_what_is_meant(text: str, meant: str) -> None:
    assert said(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("Which version is 2026.3.3?", "Is v2.3.1 out?", "Is 10.11.12 newer than 2026.03.03?", "Host 10.0.3.7"),
        *("May I go?", "You may go in", "May the force be with you", "Will May come?", "What did June say?"),
        *("Who will march?", "march on Rome", "part ABC-2026-03", "the PO 2026-03-17-B", "in room 2026", "error 1999"),
        *("3/4 of the boats", "1/2 cup", "add 3/4 cup", "the second one", "a second opinion", "3:1", "16:9 screens"),
        *(
            "spring water",
            "in the spring water",
            "the spring in the clock",
            "fall damage",
            "Did he fall?",
            "the day care",
        ),
        *("The sun is up", "sat on the chair", "Who wed Ada?", "2026 dollars", "port 2000", "order 20260303"),
        *("Was ist hier passiert?", "an die Tafel", "in the morning", "How many days are in a week?", "a week of rain"),
        *("https://example.org/2026/03/03", "file_2026-03-03.txt", "ada@2026.org", "+49 2026 1234", "2026-13-45"),
        *("31 February 2026", "", "?", "2026.", "192.168.2.26", "1.2.26", "at 5 ports", "What is a decade?", "C-3-5"),
        *("Which Christmas tree?", "the Christmas tree", "summer camp", "Mars is red", "Was macht er an der Uhr?"),
    ],
)
def test_what_is_no_time(text: str) -> None:
    assert said(text) in {"", "2026-01-01 to 2026-12-31" if text == "2026." else ""}


def test_seasons_of_the_south() -> None:
    assert said("last summer", southern=True) == "2025-12-01 to 2026-02-28"
    assert said("in spring", southern=True) == "2026-09-01 to 2026-11-30"
    assert said("in spring") == "2026-03-01 to 2026-05-31"


def test_the_moment_of_asking_counts() -> None:
    new_year = datetime(2026, 1, 1, 0, 30, tzinfo=BERLIN)
    assert said("yesterday", new_year) == "2025-12-31"
    assert said("last month", new_year) == "2025-12-01 to 2025-12-31"
    assert said("last week", new_year) == "2025-12-22 to 2025-12-28"
    assert said("in December", new_year) == "2025-12-01 to 2025-12-31"
    assert said("a month ago", datetime(2026, 3, 31, 12, tzinfo=BERLIN)) == "2026-02-13 to 2026-03-15"
    leap = datetime(2024, 2, 29, 12, tzinfo=BERLIN)
    assert said("a year ago", leap) == "2022-09-01 to 2023-08-27"
    assert said("yesterday", datetime(2026, 3, 30, 0, 30, tzinfo=BERLIN)) == "2026-03-29"  # it had 23 hours


@given(
    st.dates(date(1900, 1, 1), date(2199, 12, 31)),
    st.sampled_from(
        [
            *("{0:%Y-%m-%d}", "{0:%Y/%m/%d}", "{0:%d.%m.%Y}", "{0.day}.{0.month}.{0:%Y}", "{0.day} {0:%B} {0:%Y}"),
            *("{0:%B} {0.day}, {0:%Y}", "{0:%b} {0.day} {0:%Y}", "the {0.day}th of {0:%B}, {0:%Y}"),
            "{0:%Y-%m-%d}T12:00Z",
        ]
    ),
    st.sampled_from(["What was on {}?", "{}", "Was war am {}?", "What happened ({}) here?", "on {}, what did I say"]),
)
def test_every_day_in_every_form(day: date, form: str, question: str) -> None:
    assume("war am" not in question or "%b" not in form)  # "Mar" is no month of a German question
    (named,) = read(question.format(form.format(day)), NOW)
    (span,) = named.spans
    assert span.begin is not None
    assert span.begin.date() == day
    if "T" not in form:
        assert span.end == span.begin + timedelta(days=1)


_WORDS = sorted(
    {word for text, _, _ in QUESTIONS for word in text.split()} | {"31", "2026", "0", "9999", "1", "-", "ago"}
)


@given(
    st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join) | st.text(max_size=60),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(ZoneInfo("America/New_York"))),  # noqa: DTZ001
)
def test_no_question_and_no_moment_breaks_it(text: str, now: datetime) -> None:
    for named in read(text, now):
        assert named.spans
        for span in named.spans:
            assert span.begin is None or span.end is None or span.begin < span.end
            assert str(span)


def test_a_question_without_a_time_costs_next_to_nothing() -> None:
    plain = "What kind of books does Caroline like to read with her children?"
    read(plain, NOW)
    began = time.process_time()
    for _ in range(1000):
        assert not read(plain, NOW)
    assert time.process_time() - began < 0.1  # seconds for a thousand: .1 ms each is what it may cost
    texts = [text for text, _, _ in QUESTIONS]
    began = time.process_time()
    for text in texts:
        assert read(text, ASKED)
    assert (time.process_time() - began) / len(texts) < 0.01


@pytest.mark.parametrize("text", ["What happened on 0001-01-01?", "What happened on 9999-12-31?"])
def test_no_rows_are_looked_for_in_years_that_are_not_kept(text: str) -> None:
    assert within.edges(question.read(text, NOW)) == []


def test_many_parts_of_one_time_are_looked_for_together() -> None:
    edges = within.edges(question.read("What was at 3 pm in March 2026?", NOW))
    assert edges == [(datetime(2026, 3, 1, 14, tzinfo=UTC), datetime(2026, 3, 31, 14, tzinfo=UTC))]
