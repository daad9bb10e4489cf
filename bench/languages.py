"""languages: does it find what somebody said in their language, asked in that language and in another.

``bench/labelled/`` holds a file a language: a person's memories, each with an id, and questions, each with the id of
the memory that answers it and the language it is asked in. They were written by hand for this: in the first person and
about others, with names and numbers, the question in another inflection or other words than the memory, and beside
each answer memories that are close to it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from bench.measure import number
from bench.report import Report
from bench.server import server
from mnemon import AsyncMemory
from mnemon.ai.registry import make_embedder

SETS = Path(__file__).parent / "labelled"
#: Languages of the sets, and as the table names them.
NAMES = {
    "ar": "Arabic",
    "de": "German",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "th": "Thai",
    "tr": "Turkish",
    "zh": "Chinese",
}
#: What is to be reached of R@5: asked in the same language, and in another.
GOALS = (85, 70)
EMBEDDERS = ("builtin", "multilingual")
_COLUMNS = ("R@5", "R@1", "R@5 among all", "across R@5", "across R@1", "across R@5 among all")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the language it is asked in, and the id of the memory that answers it."""

    text: str
    language: str
    answer: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """What one person said in one language, by ids, and what they ask."""

    language: str
    memories: dict[str, str]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A question and where its answer stands among the first five: of its person, and of everybody (None: nowhere)."""

    language: str
    across: bool
    own: int | None
    among_all: int | None


def read_sets(directory: Path = SETS) -> list[Labelled]:
    """Every labelled set, in the order of their names."""
    return [_read(path) for path in sorted(directory.glob("*.jsonl"))]


def _read(path: Path) -> Labelled:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return Labelled(
        path.stem,
        {line["id"]: line["text"] for line in lines if "id" in line},
        tuple(Question(line["question"], line["in"], line["answer"]) for line in lines if "question" in line),
    )


async def run(report: Report, *, embedders: Sequence[str] = EMBEDDERS, work: Path | None = None) -> None:
    """Remember the sets and ask their questions, with each embedder in a database of its own."""
    sets = read_sets()
    memories, questions = (sum(len(getattr(one, kind)) for one in sets) for kind in ("memories", "questions"))
    report.say(
        f"{len(sets)} languages, {memories} memories and {questions} questions; each person's are asked among their "
        f"own, and among all {memories}. R@5: the answer is among the first five, in per cent. Goals: {GOALS[0]} in "
        f"the same language, {GOALS[1]} across."
    )
    for embedder in embedders:
        async with server(report, work=work, embedder=embedder) as place, place.memory() as memory:
            found = await ask(memory, sets)
        rows = {
            name: figures([one for one in found if one.language == name]) for name in (one.language for one in sets)
        }
        rows["all"] = figures(found)
        report.numbers[embedder] = rows
        report.table(
            f"`EMBEDDING_MODEL={embedder}`:",
            ("language", *_COLUMNS),
            [(NAMES.get(name, name), *map(number, cells.values())) for name, cells in rows.items()],
        )
    costs = {embedder: cost(embedder) for embedder in embedders}
    report.numbers["cost"] = costs
    report.table(
        "What they cost in a process of their own, in processor time of one core: the first text with the model's "
        "reading, one question at a time, all memories at once; and what the process has grown by:",
        ("embedder", "dimensions", "first text, s", "ms a question", "texts a second", "MB"),
        [(name, f"{one['dimensions']}", *map(number, list(one.values())[1:])) for name, one in costs.items()],
    )


async def ask(memory: AsyncMemory, sets: Sequence[Labelled]) -> list[Found]:
    """Remember what each person said, then ask each question of that person's memories and of everybody's."""
    for one in sets:
        texts = [{"content": text, "metadata": {"set": key}} for key, text in one.memories.items()]
        await memory.remember(texts, user=one.language)
    free = asyncio.Semaphore(4)

    async def found(one: Labelled, question: Question) -> Found:
        async with free:
            own, among_all = await _place(memory, question, user=one.language), await _place(memory, question)
        return Found(one.language, question.language != one.language, own, among_all)

    return list(await asyncio.gather(*(found(one, question) for one in sets for question in one.questions)))


async def _place(memory: AsyncMemory, question: Question, **scope: Any) -> int | None:
    hits = await memory.search(question.text, k=5, **scope)
    ids = [hit.item.metadata["set"] for hit in hits]
    return ids.index(question.answer) if question.answer in ids else None


def figures(found: Sequence[Found]) -> dict[str, float]:
    """The row of a language: shares in per cent."""
    values: list[float] = []
    for across in (False, True):
        mine = [one for one in found if one.across is across]
        values += [100 * mean(one.own is not None for one in mine), 100 * mean(one.own == 0 for one in mine)]
        values.append(100 * mean(one.among_all is not None for one in mine))
    return dict(zip(_COLUMNS, values, strict=True))


_COST = """
import asyncio, json, os, sys, time
from bench.machine import resident_mb
from mnemon.ai.registry import make_embedder
import numpy
questions, texts = json.load(sys.stdin)
async def main():
    before = resident_mb(os.getpid())
    embedder = make_embedder(sys.argv[1])
    async def took(texts):
        began = time.process_time()
        await embedder.embed(texts)
        return time.process_time() - began
    first = await took(questions[:1])
    one = sorted([await took([question]) for question in questions])[len(questions) // 2]
    many = min([await took(texts) for _ in range(3)])
    print(json.dumps([first, one * 1000, len(texts) / many, resident_mb(os.getpid()) - before]))
asyncio.run(main())
"""


def cost(embedder: str) -> dict[str, float]:
    """What an embedder costs: seconds to its first vector, milliseconds a question, texts a second, megabytes."""
    sets = read_sets()
    given = [[q.text for one in sets for q in one.questions], [text for one in sets for text in one.memories.values()]]
    done = subprocess.run(
        [sys.executable, "-c", _COST, embedder], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    names = ("dimensions", "first", "question", "texts", "memory")
    return dict(zip(names, [make_embedder(embedder).dimensions, *json.loads(done.stdout)], strict=True))
