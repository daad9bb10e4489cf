"""locomo: does it find the turns that answer a question, and what does that cost beside its bare SQL."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bench.measure import CATEGORIES, KS, Question, Timing, by_category, evidence_ids, number, read_questions
from bench.replay import beside, listening, record
from bench.report import Report
from bench.server import Server, server
from mnemon import AsyncMemory
from mnemon.memory.schemas import Recollection

#: What was measured before there was a product: R@5, R@10, R@20 over categories 1-4, and category 5 at 10.
REFERENCE = (
    ('MiniLM, naive ("speaker: text", whole question)', "30.4", "38.6", "47.9", "32.1"),
    ("built-in model alone, names stripped, speaker bonus", "50.0", "59.7", "69.5", "51.4"),
    ("BM25", "55.0", "62.5", "69.1", "75.1"),
    ("BM25 + built-in model", "57.8", "65.3", "72.4", "76.3"),
    ("all signals, prototype (held-out conversations)", "74.5", "82.4", "86.9", "88.0"),
)
MERGED = "merged"
Ask = Callable[[AsyncMemory, Question], Awaitable[Recollection]]


async def run(
    report: Report,
    data: Path,
    *,
    queries: int = 100,
    rounds: int = 2,
    quick: bool = False,
    work: Path | None = None,
    embedder: str = "builtin",
) -> None:
    """Import the conversations, ask every question, compare.

    Args:
        report: takes the results.
        data: the directory with conv-*.json.
        queries: questions whose latency is measured.
        rounds: times each of them is asked.
        quick: search in its own conversation only, and no latency: what one looks at while tuning.
        work: where the server's directory is made.
        embedder: EMBEDDING_MODEL of the database.
    """
    samples = read_samples(data)
    async with server(report, work=work, embedder=embedder) as place, place.memory() as memory:
        homes = await _import(report, memory, samples)
        connection = await place.admin()
        await connection.execute("ANALYZE")
        await connection.close()
        questions = _questions(report, samples)
        asked_at = {s["sample_id"]: _last(s) for s in samples.values()}
        await _quality(report, homes, questions, asked_at, quick=quick)
        if not quick:
            await _latency(report, place, memory, homes, questions, queries=queries, rounds=rounds)


def read_samples(data: Path) -> dict[Path, dict[str, Any]]:
    """The conversations of a directory, in the order of their names."""
    files = sorted(data.glob("conv-*.json"))
    if not files:
        raise SystemExit(f"No conv-*.json in {data}")
    return {path: json.loads(path.read_text(encoding="utf-8")) for path in files}


async def _import(report: Report, memory: AsyncMemory, samples: dict[Path, dict[str, Any]]) -> dict[str, AsyncMemory]:
    """Each conversation into an organisation of its own, and all of them into one."""
    homes = {}
    together = await memory.organization(MERGED)
    rows, began = 0, time.perf_counter()
    for path, sample in samples.items():
        home = await memory.organization(str(sample["sample_id"]).lower())
        homes[str(sample["sample_id"])] = home
        for one in (home, together):
            rows += (await one.import_file(path, format="locomo", timezone="UTC")).imported
    seconds = time.perf_counter() - began
    report.say(f"{len(samples)} conversations imported twice: {rows:,} turns in {seconds:.1f} s.")
    report.numbers["imported"] = {"rows": rows, "seconds": seconds}
    return {**homes, MERGED: together}


def _questions(report: Report, samples: dict[Path, dict[str, Any]]) -> list[Question]:
    kept, skipped, partial_ = [], 0, 0
    for sample in samples.values():
        found = read_questions(sample)
        kept += found.kept
        skipped += found.skipped
        partial_ += found.partial
    report.say(
        f"{len(kept)} questions; {skipped} skipped because their evidence does not exist"
        + (f", {partial_} counted without the part of theirs that does not." if partial_ else ".")
    )
    report.numbers["questions"] = {"measured": len(kept), "skipped": skipped, "partial": partial_}
    return kept


def _last(sample: dict[str, Any]) -> datetime:
    """A day after the last session."""
    from mnemon.adapters.importers.dates import parse_locomo

    return parse_locomo(sample["sessions"][-1]["date_time"]) + timedelta(days=1)


async def _quality(
    report: Report,
    homes: dict[str, AsyncMemory],
    questions: Sequence[Question],
    asked_at: dict[str, datetime],
    *,
    quick: bool,
) -> None:
    ways: dict[str, tuple[Ask, bool]] = {
        "search": (_search, False),
        "search, five in one organisation, no scope": (_search_all, True),
        "recall, years later": (_recall, False),
        "recall, the day after": (lambda m, q: _recall(m, q, now=asked_at[q.sample]), False),
    }
    rows, detail = [], []
    report.numbers["quality"] = {}
    for name, (ask, merged) in list(ways.items())[: 1 if quick else None]:
        found = await _answers(questions, partial(_one, ask, homes, merged))
        result = by_category(questions, found)
        report.numbers["quality"][name] = result
        rows.append((f"**{name}**", *_cells(result["1-4"]), number(result.get("5", {}).get("R@10", 0.0))))
        detail += [
            (name, CATEGORIES[int(c)], f"{r['questions']:.0f}", *_cells(r)) for c, r in result.items() if c != "1-4"
        ]
    report.table(
        "R@k in per cent over categories 1-4, questions about their own conversation; in plain type what was "
        "measured before there was a product:",
        ("method", *(f"R@{k}" for k in KS), "category 5 R@10"),
        [*REFERENCE, *rows],
    )
    report.table("By category:", ("", "category", "questions", *(f"R@{k}" for k in KS)), detail)


async def _one(ask: Ask, homes: dict[str, AsyncMemory], merged: bool, question: Question) -> list[str]:
    return _turns(await ask(homes[MERGED if merged else question.sample], question), question.sample)


async def _answers(
    questions: Sequence[Question], answer: Callable[[Question], Awaitable[list[str]]]
) -> list[list[str]]:
    """Answers in the order of the questions; a few are asked at a time."""
    free = asyncio.Semaphore(4)

    async def one(question: Question) -> list[str]:
        async with free:
            return await answer(question)

    return list(await asyncio.gather(*(one(question) for question in questions)))


def _cells(result: dict[str, float]) -> list[str]:
    return [number(result[f"R@{k}"]) for k in KS]


def _turns(answer: Recollection, sample: str) -> list[str]:
    """Where the hits are in the sample; a hit of another conversation keeps its place and counts as wrong."""
    found = []
    for hit in answer:
        known = evidence_ids([hit.item.metadata.get("dia_id", "")]) or ["?"]
        found.append(known[0] if hit.item.conversation == sample else f"{hit.item.conversation} {known[0]}")
    return found


async def _search(memory: AsyncMemory, question: Question) -> Recollection:
    return await memory.search(question.text, k=max(KS), conversation=question.sample)


async def _search_all(memory: AsyncMemory, question: Question) -> Recollection:
    return await memory.search(question.text, k=max(KS))


async def _recall(memory: AsyncMemory, question: Question, now: datetime | None = None) -> Recollection:
    return await memory.recall(question.text, k=max(KS), conversation=question.sample, now=now)


async def _latency(
    report: Report,
    place: Server,
    memory: AsyncMemory,
    homes: dict[str, AsyncMemory],
    questions: Sequence[Question],
    *,
    queries: int,
    rounds: int,
) -> None:
    """Search and recall beside the statements they send, by turns on the same server."""
    app = memory._app  # noqa: SLF001 - the bench listens to the product's own connections
    assert app is not None
    chosen = questions[:: max(1, len(questions) // queries)][:queries]
    connection = await place.bare()
    rows, numbers = [], {}
    for name, ask, merged in (
        ("search", _search, False),
        ("recall", _recall, False),
        ("search, five in one, no scope", _search_all, True),
    ):
        calls = [partial(ask, homes[MERGED if merged else q.sample], q) for q in chosen]
        with listening(app):
            sent = [(await record(call))[1] for call in calls]
        pair = await beside(calls, sent, connection, rounds=rounds)
        numbers[name] = {**pair.as_numbers(), "statements": sum(map(len, sent)) / len(sent)}
        product, bare = Timing.of(pair.product), Timing.of(pair.bare)
        rows.append((name, str(product), str(bare), f"{pair.ratio:.2f}", f"{numbers[name]['statements']:.1f}"))
    await connection.close()
    report.numbers["latency"] = numbers
    report.table(
        f"Milliseconds, median / p95, k=20, in process, {len(chosen)} questions asked {rounds} times by turns with the "
        "statements that they send (BEGIN to COMMIT, replayed by bare asyncpg on a connection with the same settings):",
        ("", "product", "bare SQL", "ratio (target: at most 3)", "statements"),
        rows,
    )
