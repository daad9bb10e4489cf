"""exact: identifiers among many like them: is the first hit of a question the row that has it?"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bench.measure import number
from bench.report import Report
from bench.server import server

ROWS, QUESTIONS = 10_000, 400
_WORDS = (
    "alpha bravo cargo delta ember flint gamma harbor index juniper kernel ledger mirror nickel orbit prism".split()
)
_HOSTS = ("example", "acme", "northwind", "contoso", "umbrella", "initech")

Made = tuple[str, str, str]
"""What a kind makes: an identifier, a row that has it, and a question for it."""


def _hex(chance: random.Random, length: int) -> str:
    return f"{chance.getrandbits(length * 4):0{length}x}"


def _some(chance: random.Random, count: int) -> list[str]:
    return [chance.choice(_WORDS) for _ in range(count)]


def _amount(chance: random.Random) -> str:
    return f"{chance.randrange(1_000, 9_999_999) / 100:,.2f}"


def _day(chance: random.Random) -> str:
    return f"{chance.randrange(1990, 2030)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"


def _camel(chance: random.Random) -> str:
    first, *others = _some(chance, 3)
    return first + "".join(word.title() for word in others) + str(chance.randrange(100))


#: Name: the identifier, the row around it, the question around it.
KINDS: dict[str, tuple[Callable[[random.Random], str], str, str]] = {
    "version": (
        lambda c: f"v{c.randrange(30)}.{c.randrange(30)}.{c.randrange(60)}",
        "Release {} went out",
        "{}",
    ),
    "IPv4 address": (
        lambda c: f"10.{c.randrange(8)}.{c.randrange(60)}.{c.randrange(250)}",
        "Host {} is in rack 2.",
        "Where is {}?",
    ),
    "IPv6 address": (
        lambda c: f"2001:db8:{c.randrange(9)}::{_hex(c, 4)}",
        "The router has {} since Monday",
        "Which machine has {}?",
    ),
    "path": (
        lambda c: f"/srv/{'/'.join(_some(c, 3))}/{c.randrange(100)}",
        "The data is kept under {}, says Ann",
        "What is under {}?",
    ),
    "file name": (
        lambda c: f"{'-'.join(_some(c, 2))}_{c.randrange(1000)}.{c.choice(['pdf', 'docx', 'csv'])}",
        "She sent me {} (the final one)",
        "Who sent {}?",
    ),
    "e-mail address": (
        lambda c: f"{'.'.join(_some(c, 2))}{c.randrange(100)}@{c.choice(_HOSTS)}.org",
        "Write to {}, they answer",
        "Who is {}?",
    ),
    "URL": (
        lambda c: f"https://www.{c.choice(_HOSTS)}.com/{'/'.join(_some(c, 2))}?id={c.randrange(1000)}",
        "The page {} is down",
        "What about {}?",
    ),
    "part number": (
        lambda c: f"{c.choice(['AX', 'BK', 'CT'])}-{c.randrange(1000, 9999)}/{c.choice('ABCD')}",
        "We ordered {} again",
        "Did we order {}?",
    ),
    "error code": (
        lambda c: c.choice([f"ORA-{c.randrange(99999):05}", f"0x{_hex(c, 8)}", f"E_{'_'.join(_some(c, 3)).upper()}"]),
        "The job failed with {}: try again",
        "What does {} mean?",
    ),
    "amount": (lambda c: f"${_amount(c)}", "The invoice says {}.", "Which invoice says {}?"),
    "date": (_day, "The contract ends {}", "What ends on {}?"),
    "time": (
        lambda c: f"{c.randrange(24):02}:{c.randrange(60):02}:{c.randrange(60):02}",
        "The alarm rang at {} sharp",
        "What rang at {}?",
    ),
    "hash": (lambda c: _hex(c, 40), "Commit {} broke the build", "What did {} do?"),
    "UUID": (
        lambda c: "-".join(_hex(c, n) for n in (8, 4, 4, 4, 12)),
        "Ticket {} is closed",
        "Is {} closed?",
    ),
    "telephone": (
        lambda c: f"+49 {c.randrange(30, 90)} {c.randrange(1_000_000, 9_999_999)}",
        "The plumber's number is {}",
        "Whose number is {}?",
    ),
    "snake_case": (
        lambda c: f"{'_'.join(_some(c, 3))}_{c.randrange(30)}",
        "The setting {} was renamed",
        "What happened to {}?",
    ),
    "camelCase": (_camel, "We call {}() before the rest", "Who calls {}?"),
    "hashtag": (
        lambda c: f"#{''.join(_some(c, 2))}{c.randrange(200)}",
        "Posted it with {} yesterday",
        "{}",
    ),
}


def made(rows: int, seed: int = 1) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, row, question) of identifiers that no two rows share, every kind in turn."""
    chance = random.Random(seed)
    seen: set[str] = set()
    names = list(KINDS)
    while len(seen) < rows:
        kind = names[len(seen) % len(names)]
        identify, row, question = KINDS[kind]
        identifier = identify(chance)
        while identifier.lower() in seen:
            identifier = identify(chance)
        seen.add(identifier.lower())
        yield kind, row.format(identifier), question.format(identifier)


async def run(report: Report, *, rows: int = ROWS, questions: int = QUESTIONS, work: Path | None = None) -> None:
    """Remember the rows, ask for some of them, and count by kind whose row comes first.

    Args:
        report: takes the results.
        rows: how many are remembered.
        questions: how many are asked.
        work: where the server's directory is made.
    """
    everything = list(made(rows))
    asked = random.Random(2).sample(everything, questions)
    first, among, total = Counter[str](), Counter[str](), Counter[str]()
    took = []
    async with server(report, work=work) as place, place.memory(auto_maintenance=False) as memory:
        for start in range(0, rows, 2000):
            await memory.remember([{"content": row, "user": "ops"} for _, row, _ in everything[start : start + 2000]])
        for kind, row, question in asked:
            found = await memory.search(question, user="ops", k=10)
            contents = [hit.content for hit in found.hits]
            took.append(found.took_ms)
            total[kind] += 1
            first[kind] += contents[:1] == [row]
            among[kind] += row in contents
    share = sum(first.values()) / questions
    report.numbers["exact"] = {
        "rows": rows,
        "questions": questions,
        "first": share,
        "kinds": {kind: (first[kind], total[kind]) for kind in KINDS},
    }
    report.table(
        f"{questions} questions for identifiers over {rows:,} memories of one person, "
        f"{len(KINDS)} kinds in equal parts; "
        f"{number(float(np.median(took)))} ms a search:",
        ("", "asked", "first hit right", "among ten"),
        [
            *((kind, str(total[kind]), str(first[kind]), str(among[kind])) for kind in KINDS if total[kind]),
            ("all", str(questions), f"{share:.1%}", f"{sum(among.values()) / questions:.1%}"),
        ],
    )
