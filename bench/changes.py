"""changes: does the newest true answer come first, where a fact was said twice and has changed between.

``bench/changed/facts.jsonl`` has what was said first, what was said later, and the question; written by hand. All of it
is said by one person in one conversation, so every question has the others' facts around its own.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.measure import number
from bench.report import Report
from bench.server import server
from mnemon import AsyncMemory
from mnemon.memory.schemas import Recollection

FACTS = Path(__file__).parent / "changed" / "facts.jsonl"
_BEGAN = datetime(2025, 1, 6, 9, tzinfo=UTC)
_BETWEEN = timedelta(days=200)  # from the first to the second time that a fact is told
_TALK = "diary"
Ask = Callable[[str], Awaitable[Recollection]]


@dataclass(frozen=True, slots=True)
class Fact:
    """What was so, what is so, and the question that both answer."""

    was: str
    now: str
    question: str


def read() -> list[Fact]:
    """The facts of the file."""
    lines = (json.loads(line) for line in FACTS.read_text(encoding="utf-8").splitlines())
    return [Fact(line["was"], line["is"], line["question"]) for line in lines]


def said(facts: Sequence[Fact]) -> Iterator[dict[str, object]]:
    """Everything in the order it was said: all that was so, then all that is so, one a day."""
    for n, fact in enumerate(facts):
        yield {"content": fact.was, "at": _BEGAN + timedelta(days=n)}
    for n, fact in enumerate(facts):
        yield {"content": fact.now, "at": _BEGAN + _BETWEEN + timedelta(days=n)}


async def run(report: Report, *, work: Path | None = None, embedder: str = "builtin") -> None:
    """Tell every fact twice, ask every question.

    Args:
        report: takes the results.
        work: where the server's directory is made.
        embedder: EMBEDDING_MODEL of the database.
    """
    facts = read()
    async with server(report, work=work, embedder=embedder) as place, place.memory() as memory:
        await memory.remember(list(said(facts)), conversation=_TALK, speaker="Ada")
        soon = _BEGAN + _BETWEEN + timedelta(days=len(facts) + 1)
        ways: dict[str, Ask] = {
            "search": partial(memory.search, k=10, conversation=_TALK),
            "recall, the day after": partial(memory.recall, k=10, conversation=_TALK, now=soon),
            "recall, years later": partial(memory.recall, k=10, conversation=_TALK, now=soon + timedelta(days=1500)),
        }
        rows = []
        for name, ask in ways.items():
            newest, newer, found = await _places(facts, ask)
            report.numbers[name] = {"newest first": newest, "before the old": newer, "among ten": found}
            rows.append((f"**{name}**", number(newest), number(newer), number(found)))
        then = _BEGAN + timedelta(days=len(facts) + 1)
        right = await _at(memory, facts, then)
        report.numbers["until the time between"] = right
    report.table(
        f"{len(facts)} facts, each told twice in one conversation of {2 * len(facts)} turns, in per cent:",
        ("", "the newest comes first", "it comes before the old one", "it is among the first ten"),
        rows,
    )
    report.say(f"Seen until the time between (`until`), what was so then comes first in {number(right)} per cent.")


async def _places(facts: Sequence[Fact], ask: Ask) -> tuple[float, float, float]:
    """Per cent of the questions whose newest answer is (first; before the old one; among ten)."""
    first = before = found = 0
    for fact in facts:
        answers = [hit.item.content for hit in await ask(fact.question)]
        place = answers.index(fact.now) if fact.now in answers else len(answers)
        old = answers.index(fact.was) if fact.was in answers else len(answers)
        first += place == 0
        before += place < old
        found += fact.now in answers
    return 100 * first / len(facts), 100 * before / len(facts), 100 * found / len(facts)


async def _at(memory: AsyncMemory, facts: Sequence[Fact], moment: datetime) -> float:
    """Per cent of the questions that what was so at a moment answers first, seen until then."""
    right = 0
    for fact in facts:
        found = await memory.recall(fact.question, k=1, conversation=_TALK, until=moment, now=moment)
        right += found.hits[0].item.content == fact.was
    return 100 * right / len(facts)
