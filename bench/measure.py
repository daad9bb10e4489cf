"""Pure functions: the metric of LoCoMo, percentiles, how a number is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
KS = (5, 10, 20)

_T = TypeVar("_T")


def evidence_ids(evidence: object) -> list[str]:
    """The dia_ids of a question's evidence: its strings may hold several, padded with zeros or misspelt (``D:1:3``)."""
    if isinstance(evidence, str):
        evidence = [evidence]
    if not isinstance(evidence, Iterable):
        return []
    found: list[str] = []
    for one in evidence:
        for session, turn in re.findall(r"D(\d+):(\d+)", str(one).replace("D:", "D")):
            found.append(f"D{int(session)}:{int(turn)}")
    return list(dict.fromkeys(found))


def recall_at(found: Sequence[_T], wanted: Collection[_T], k: int) -> float:
    """Share of what is wanted among the first k found."""
    return len(set(found[:k]) & set(wanted)) / len(set(wanted))


@dataclass(frozen=True, slots=True)
class Question:
    """A question of LoCoMo whose evidence exists."""

    sample: str
    text: str
    category: int
    evidence: tuple[str, ...]


@dataclass(slots=True)
class Questions:
    """The questions of a sample; ``skipped``: no evidence exists; ``partial``: some of it does not (not counted)."""

    kept: list[Question]
    skipped: int = 0
    partial: int = 0


def read_questions(sample: dict[str, Any]) -> Questions:
    """The questions of one LoCoMo sample that can be measured."""
    present = {turn_id for session in sample["sessions"] for turn in session["turns"] for turn_id in _ids(turn)}
    result = Questions([])
    for question in sample["questions"]:
        wanted = evidence_ids(question.get("evidence"))
        there = tuple(one for one in wanted if one in present)
        if not there:
            result.skipped += 1
            continue
        result.partial += len(there) < len(wanted)
        result.kept.append(Question(sample["sample_id"], question["question"], int(question["category"]), there))
    return result


def _ids(turn: dict[str, Any]) -> list[str]:
    return evidence_ids([turn.get("dia_id", "")])


def by_category(questions: Sequence[Question], found: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """Mean R@5/10/20 (in per cent) of each category, of 1 to 4 together, and how many questions each has."""
    groups = {str(category): {category} for category in CATEGORIES} | {"1-4": {1, 2, 3, 4}}
    result: dict[str, dict[str, float]] = {}
    for name, categories in groups.items():
        mine = [(q, f) for q, f in zip(questions, found, strict=True) if q.category in categories]
        if mine:
            result[name] = {f"R@{k}": 100 * float(np.mean([recall_at(f, q.evidence, k) for q, f in mine])) for k in KS}
            result[name]["questions"] = len(mine)
    return result


@dataclass(frozen=True, slots=True)
class Timing:
    """Median and 95th percentile of some times, in milliseconds."""

    median: float
    p95: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        times = np.asarray(seconds) * 1000
        return cls(float(np.median(times)), float(np.percentile(times, 95)), len(times))

    def __str__(self) -> str:
        return f"{number(self.median)} / {number(self.p95)}"


def number(value: float | None, digits: int = 2) -> str:
    """A number as a table shows it: thousands separated, few digits."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.{digits}f}"
