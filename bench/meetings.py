"""meetings: whether search finds the utterances that answer a question, in meetings of many speakers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import KS, Timing, number, recall_at
from bench.report import Report
from bench.server import server

FILES = ("ALL/jsonl/test", "ALL/jsonl/val", "Academic/jsonl/train", "Committee/jsonl/train", "Product/jsonl/train")
#: Utterances that answer a question at most: of more, which of them are found says little.
_MOST = 8
#: Words that say something, from which an utterance can answer anything: shorter ones are "yeah" and the like.
_WORDS = 4
_SAY_NOTHING = frozenset(
    "i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers "
    "herself it its itself they them their theirs themselves what which who whom this that these those am is are "
    "was were be been being have has had having do does did doing a an the and but if or because as until while "
    "of at by for with about against between into through during before after above below to from up down in out "
    "on off over under again further then once here there when where why how all any both each few more most "
    "other some such no nor not only own same so than too very s t can will just don should now".split()
)
_BEGIN = datetime(2020, 1, 1, 9, tzinfo=UTC)
#: What the transcripts have in place of noises, such as ``{vocalsound}``.
_NOISE = re.compile(r"\{[a-z]+\}")
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_ENDING = re.compile(r"'(s|t|re|ve|d|ll|m)$")


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting: who said what, and questions with the places of what answers them."""

    name: str
    said: tuple[tuple[str, str], ...]
    questions: tuple[tuple[str, frozenset[int]], ...]


async def run(report: Report, folder: Path, *, rounds: int = 2, work: Path | None = None, embedder: str) -> None:
    """Import every meeting as a conversation, and ask each its questions.

    Args:
        report: takes the results.
        folder: QMSum's directory ``data``.
        rounds: times that each question is asked; quality is that of the first.
        work: where the server's directory is made.
        embedder: EMBEDDING_MODEL.
    """
    meetings = list(read_meetings(folder))
    if not meetings:
        raise SystemExit("meetings needs --data DIR, the directory data of QMSum")
    questions = sum(len(meeting.questions) for meeting in meetings)
    found: list[tuple[frozenset[int], list[int]]] = []
    times: list[float] = []
    async with server(report, work=work, embedder=embedder) as place, place.memory() as memory:
        began = time.perf_counter()
        for meeting in meetings:
            await memory.remember(_messages(meeting))
        await memory.maintain()
        took = time.perf_counter() - began
        for turn in range(rounds):
            for meeting in meetings:
                for text, wanted in meeting.questions:
                    began = time.perf_counter()
                    hits = await memory.search(text, k=max(KS), conversation=meeting.name)
                    times.append(time.perf_counter() - began)
                    if not turn:
                        found.append((wanted, [int(str(hit.item.source_id).rsplit("/", 1)[1]) for hit in hits]))
    rows = sum(len(meeting.said) for meeting in meetings)
    report.say(f"{len(meetings)} meetings, {rows:,} utterances kept in {took:.1f} s; {questions} questions.")
    _table(report, found, Timing.of(times))


def _table(report: Report, found: Sequence[tuple[frozenset[int], list[int]]], timing: Timing) -> None:
    recalls = {k: 100 * float(np.mean([recall_at(hits, wanted, k) for wanted, hits in found])) for k in KS}
    report.numbers |= {
        "questions": len(found),
        **{f"R@{k}": value for k, value in recalls.items()},
        "median_ms": timing.median,
        "p95_ms": timing.p95,
    }
    report.table(
        "Search within the meeting, R@k in per cent:",
        (*(f"R@{k}" for k in KS), "p50 / p95, ms"),
        [(*(number(recalls[k]) for k in KS), str(timing))],
    )


def read_meetings(folder: Path) -> Iterator[Meeting]:
    """The meetings that have a question which few utterances answer; one that is in two files once."""
    seen: set[tuple[tuple[str, str], ...]] = set()
    for name in FILES:
        path = folder / f"{name}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        for n, line in enumerate(lines):
            meeting = read_meeting(f"{name}/{n}", json.loads(line))
            if meeting.questions and meeting.said not in seen:
                seen.add(meeting.said)
                yield meeting


def read_meeting(name: str, given: dict[str, Any]) -> Meeting:
    """One meeting, as QMSum has it."""
    said = tuple((one["speaker"], _NOISE.sub("", one["content"]).strip()) for one in given["meeting_transcripts"])
    questions = []
    for asked in given["specific_query_list"]:
        places = {n for span in asked["relevant_text_span"] for n in _places(span)}
        wanted = frozenset(n for n in places if n < len(said) and _says_something(said[n][1]))
        if 0 < len(wanted) <= _MOST:
            questions.append((asked["query"], wanted))
    return Meeting(name, said, tuple(questions))


def _says_something(text: str) -> bool:
    words = (_ENDING.sub("", word).replace("'", "") for word in _WORD.findall(text.lower().replace("’", "'")))
    return sum(bool(word) and word not in _SAY_NOTHING for word in words) >= _WORDS


def _places(span: Sequence[str]) -> range:
    """The places from the first to the last of a span; a few have something else there, and say nothing."""
    first, last = span
    if not (first.strip().isdecimal() and last.strip().isdecimal()):
        return range(0)
    return range(int(first), int(last) + 1)


def _messages(meeting: Meeting) -> list[dict[str, Any]]:
    return [
        {
            "content": text,
            "speaker": speaker,
            "conversation": meeting.name,
            "source": "meetings",
            "source_id": f"{meeting.name}/{n}",
            "at": _BEGIN + timedelta(seconds=n),
        }
        for n, (speaker, text) in enumerate(meeting.said)
        if text
    ]
