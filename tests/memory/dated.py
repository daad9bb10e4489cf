"""Questions that name a time, with the range that each means, and a log with something on most days of three years.

Asked on Wednesday, 17 June 2026, at 14:30 in Berlin. The ranges are written by hand: from, to (not included), local.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
ASKED = datetime(2026, 6, 17, 14, 30, tzinfo=BERLIN)

_ENGLISH = ("repaired the mast", "painted the hull", "bought rope and tar", "sailed to the island", "sorted the charts")
_GERMAN = (
    "den Mast repariert",
    "den Rumpf gestrichen",
    "Tau und Teer gekauft",
    "die Karten sortiert",
    "Fische gekauft",
)
_HOURS = ("08:15", "09:40", "15:20", "15:45", "20:40", "21:30")


def log() -> list[tuple[datetime, str]]:
    """What was done and when: six entries a day lately, two a day this year, two every third day before."""
    entries: list[tuple[datetime, str]] = []
    day = date(2023, 1, 1)
    while day <= ASKED.date() + timedelta(days=14):
        near = abs(day - ASKED.date()) <= timedelta(days=14)
        often = day.year == 2026 or (day.month, day.day) in {(12, 24), (12, 25), (12, 31)} or day.toordinal() % 3 == 0
        for hour in _HOURS if near else _HOURS[2:6:2] if often else ():
            n = len(entries)
            what = f"Ada {_ENGLISH[n % 5]}" if n % 2 else f"Ada hat {_GERMAN[n // 2 % 5]}"
            entries.append((datetime.combine(day, time.fromisoformat(hour), BERLIN), f"{what}, entry {n}"))
        day += timedelta(days=1)
    return entries


QUESTIONS = (
    ("What did Ada do yesterday?", "2026-06-16", "2026-06-17"),
    ("What has Ada done today?", "2026-06-17", "2026-06-18"),
    ("What will Ada do tomorrow?", "2026-06-18", "2026-06-19"),
    ("What did Ada do the day before yesterday?", "2026-06-15", "2026-06-16"),
    ("What did Ada do last week?", "2026-06-08", "2026-06-15"),
    ("What did Ada paint this week?", "2026-06-15", "2026-06-22"),
    ("What will Ada do next week?", "2026-06-22", "2026-06-29"),
    ("What did Ada buy last month?", "2026-05-01", "2026-06-01"),
    ("What did Ada do this month?", "2026-06-01", "2026-07-01"),
    ("What did Ada repair last year?", "2025-01-01", "2026-01-01"),
    ("What did Ada do this year?", "2026-01-01", "2027-01-01"),
    ("What did Ada do three days ago?", "2026-06-14", "2026-06-15"),
    ("What did Ada do 5 days ago?", "2026-06-12", "2026-06-13"),
    ("What did Ada sort a week ago?", "2026-06-07", "2026-06-14"),
    ("Where did Ada sail two months ago?", "2026-04-02", "2026-05-03"),
    ("What did Ada do in the last two weeks?", "2026-06-03", "2026-06-18"),
    ("What did Ada do in spring?", "2026-03-01", "2026-06-01"),
    ("Where did Ada sail last summer?", "2025-06-01", "2025-09-01"),
    ("What did Ada paint last winter?", "2025-12-01", "2026-03-01"),
    ("What did Ada do in the summer of 2024?", "2024-06-01", "2024-09-01"),
    ("What did Ada do on Monday?", "2026-06-15", "2026-06-16"),
    ("What did Ada buy last Friday?", "2026-06-12", "2026-06-13"),
    ("What did Ada do on Tuesday last week?", "2026-06-09", "2026-06-10"),
    ("What did Ada do last weekend?", "2026-06-13", "2026-06-15"),
    ("What did Ada do this morning?", "2026-06-17 05:00", "2026-06-17 12:00"),
    ("What did Ada do last night?", "2026-06-16 18:00", "2026-06-17 06:00"),
    ("What did Ada do yesterday evening?", "2026-06-16 17:00", "2026-06-17"),
    ("What did Ada do yesterday at 3 pm?", "2026-06-16 15:00", "2026-06-16 16:00"),
    ("What did Ada do on 3 March 2026?", "2026-03-03", "2026-03-04"),
    ("What did Ada do on 3 Mar 2026?", "2026-03-03", "2026-03-04"),
    ("What did Ada do on March 3rd, 2026?", "2026-03-03", "2026-03-04"),
    ("What did Ada do on March 3?", "2026-03-03", "2026-03-04"),
    ("What did Ada do on 2026-03-03?", "2026-03-03", "2026-03-04"),
    ("What did Ada do on 2026/03/03?", "2026-03-03", "2026-03-04"),
    ("What did Ada do on 03.03.2026?", "2026-03-03", "2026-03-04"),
    ("What did Ada do on 25/02/2026?", "2026-02-25", "2026-02-26"),
    ("What did Ada do on 02/25/2026?", "2026-02-25", "2026-02-26"),
    ("What did Ada do in March 2025?", "2025-03-01", "2025-04-01"),
    ("What did Ada do in March?", "2026-03-01", "2026-04-01"),
    ("What did Ada do between 3 and 5 March 2026?", "2026-03-03", "2026-03-06"),
    ("What did Ada do from January to February 2026?", "2026-01-01", "2026-03-01"),
    ("What has Ada done since Monday?", "2026-06-15", "2100-01-01"),
    ("What did Ada do before 2024?", "2000-01-01", "2024-01-01"),
    ("What did Ada do in Q1 2025?", "2025-01-01", "2025-04-01"),
    ("What did Ada do in week 10 of 2026?", "2026-03-02", "2026-03-09"),
    ("What did Ada do in 2026-W10?", "2026-03-02", "2026-03-09"),
    ("What did Ada do at Christmas?", "2025-12-24", "2025-12-27"),
    ("What did Ada do in 2024?", "2024-01-01", "2025-01-01"),
    ("What did Ada do in early May?", "2026-05-01", "2026-05-11"),
    ("What did Ada do on 2026-06-16T15:20?", "2026-06-16 15:00", "2026-06-16 16:00"),
    ("Was hat Ada gestern gemacht?", "2026-06-16", "2026-06-17"),
    ("Was hat Ada vorgestern gemacht?", "2026-06-15", "2026-06-16"),
    ("Was hat Ada heute Morgen gemacht?", "2026-06-17 05:00", "2026-06-17 12:00"),
    ("Was hat Ada gestern Abend gemacht?", "2026-06-16 17:00", "2026-06-17"),
    ("Was hat Ada letzte Woche gekauft?", "2026-06-08", "2026-06-15"),
    ("Was hat Ada letzten Monat gestrichen?", "2026-05-01", "2026-06-01"),
    ("Was hat Ada letztes Jahr gemacht?", "2025-01-01", "2026-01-01"),
    ("Was hat Ada vor drei Tagen gemacht?", "2026-06-14", "2026-06-15"),
    ("Was hat Ada vor einer Woche gemacht?", "2026-06-07", "2026-06-14"),
    ("Was hat Ada im Frühling gemacht?", "2026-03-01", "2026-06-01"),
    ("Was hat Ada letzten Sommer gemacht?", "2025-06-01", "2025-09-01"),
    ("Was hat Ada im Winter 2024 gemacht?", "2024-12-01", "2025-03-01"),
    ("Was hat Ada am Montag gemacht?", "2026-06-15", "2026-06-16"),
    ("Was hat Ada letzten Freitag gekauft?", "2026-06-12", "2026-06-13"),
    ("Was hat Ada am Wochenende gemacht?", "2026-06-13", "2026-06-15"),
    ("Was hat Ada am 3. März 2026 gemacht?", "2026-03-03", "2026-03-04"),
    ("Was hat Ada am 3. März gemacht?", "2026-03-03", "2026-03-04"),
    ("Was hat Ada am 3.3.2026 repariert?", "2026-03-03", "2026-03-04"),
    ("Was hat Ada am 03.03. gemacht?", "2026-03-03", "2026-03-04"),
    ("Was hat Ada im März 2025 gemacht?", "2025-03-01", "2025-04-01"),
    ("Was hat Ada seit Montag gemacht?", "2026-06-15", "2100-01-01"),
    ("Was hat Ada zwischen dem 3. und 5. März 2026 gemacht?", "2026-03-03", "2026-03-06"),
    ("Was hat Ada von Januar bis Februar 2026 gemacht?", "2026-01-01", "2026-03-01"),
    ("Was hat Ada vor 2024 gemacht?", "2000-01-01", "2024-01-01"),
    ("Was hat Ada in KW 10 gemacht?", "2026-03-02", "2026-03-09"),
    ("Was hat Ada an Weihnachten gemacht?", "2025-12-24", "2025-12-27"),
    ("Was hat Ada Anfang Mai gemacht?", "2026-05-01", "2026-05-11"),
    ("Was hat Ada Ende 2025 gemacht?", "2025-10-01", "2026-01-01"),
    ("Was hat Ada in den letzten drei Tagen gemacht?", "2026-06-14", "2026-06-18"),
)


def within(at: datetime, since: str, until: str) -> bool:
    """Whether a moment lies in a range that is written as local time."""
    return (
        datetime.fromisoformat(since).replace(tzinfo=BERLIN)
        <= at
        < datetime.fromisoformat(until).replace(tzinfo=BERLIN)
    )
