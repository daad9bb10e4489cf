"""peers: what was measured of each of them in a round, and the tables of the medians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from bench.measure import Timing, number, recall_at
from bench.peers_data import PeerQuery
from bench.peers_sides import K
from bench.report import Report


@dataclass(slots=True)
class Measured:
    """What was measured of one of them in a round.

    Attributes:
        name: its row in the tables.
        version: of what was measured.
        bulk: rows a second in bulk.
        ready: seconds of what is done behind the caller after that.
        added: rows a second, one by one, by callers.
        searches: searches a second, by callers.
        times: seconds of each question.
        found: ids of each question.
        beside: seconds of questions alone and beside writers, writes a second, and what was written and not found.
    """

    name: str
    version: str = ""
    bulk: float = 0.0
    ready: float = 0.0
    added: dict[int, float] = field(default_factory=dict)
    searches: dict[int, float] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    found: list[list[str]] = field(default_factory=list)
    beside: dict[str, Any] = field(default_factory=dict)

    def numbers(self, queries: Sequence[PeerQuery]) -> dict[str, float]:
        """Everything as single numbers."""
        timing = Timing.of(self.times)
        alone, beside = Timing.of(self.beside["alone"]), Timing.of(self.beside["beside"])
        recalls = [recall_at(found, query.wanted, K) for found, query in zip(self.found, queries, strict=True)]
        return {
            "bulk_rate": self.bulk,
            "ready_seconds": self.ready,
            **{f"added_by_{callers}": rate for callers, rate in self.added.items()},
            **{f"searches_by_{callers}": rate for callers, rate in self.searches.items()},
            "median_ms": timing.median,
            "p95_ms": timing.p95,
            "recall_at_10": 100 * float(np.mean(recalls)),
            "fewer_than_10": sum(len(set(found)) < K for found in self.found),
            "alone_median_ms": alone.median,
            "alone_p95_ms": alone.p95,
            "beside_median_ms": beside.median,
            "beside_p95_ms": beside.p95,
            "writes": self.beside["writes"],
            "stale": self.beside["stale"],
            "checked": self.beside["checked"],
        }


def tables(
    report: Report,
    rounds: Sequence[Sequence[Measured]],
    *,
    rows: int,
    queries: Sequence[PeerQuery],
    alone: int,
    callers: Sequence[int],
) -> None:
    """Write the tables, the medians of the rounds.

    Args:
        report: takes them.
        rounds: what was measured in each.
        rows: how many there were.
        queries: what was asked.
        alone: rows that one caller added one by one.
        callers: how many asked at once.
    """
    numbers: dict[str, list[dict[str, float]]] = {}
    versions: dict[str, str] = {}
    for one in (one for measured in rounds for one in measured):
        numbers.setdefault(one.name, []).append(one.numbers(queries))
        versions[one.name] = one.version
    report.numbers |= {
        "rows": rows,
        "rounds": len(rounds),
        "peers": {name.strip("*"): {"version": versions[name], "rounds": each} for name, each in numbers.items()},
    }

    def of(name: str) -> Callable[..., str]:
        def middle(*keys: str) -> str:
            return " / ".join(number(median(one[key] for one in numbers[name])) for key in keys)

        return middle

    report.table(
        f"{rows:,} rows; {len(rounds)} rounds from empty databases, the medians of them. One by one: {alone} more into "
        "what is already filled. Every search names its user (Mnemon: the conversation), k=10; the questions are those "
        "of categories 1 to 4, each asked of one after the other before the next. Mnemon gets the speaker and the time "
        'as such; the others, which rank by the text alone, get "speaker: text", which is worth 7 points to them:',
        (
            "",
            "add one by one, 1 caller / 16 callers / in bulk, rows/s",
            "search p50 / p95, ms",
            "R@10",
            "searches that returned fewer than 10",
            "version",
        ),
        [
            (
                name,
                of(name)("added_by_1", "added_by_16", "bulk_rate"),
                of(name)("median_ms", "p95_ms"),
                of(name)("recall_at_10"),
                f"{median(one['fewer_than_10'] for one in numbers[name]):.0f} of {len(queries)}",
                versions[name],
            )
            for name in numbers
        ],
    )
    report.table(
        "Several callers of one process; and one who asks a conversation into which others of the process write 50 "
        "rows a second, of which every fifth is looked for by who wrote it, at once:",
        (
            "",
            f"searches a second by {', '.join(map(str, callers[:-1]))} and {callers[-1]} callers",
            "p50 / p95 alone, ms",
            "beside writers, ms",
            "writes a second",
            "written and not found",
        ),
        [
            (
                name,
                of(name)(*(f"searches_by_{one}" for one in callers)),
                of(name)("alone_median_ms", "alone_p95_ms"),
                of(name)("beside_median_ms", "beside_p95_ms"),
                of(name)("writes"),
                " of ".join(f"{sum(one[key] for one in numbers[name]):.0f}" for key in ("stale", "checked")),
            )
            for name in numbers
        ],
    )
    report.say(
        "All use the same embedder, Mnemon's built-in one: mem0 wants a language model and an embedding service in its "
        "configuration even with `infer=False`, so both get a key that is never used and its embedder is replaced "
        "after it is made; its score threshold is set to 0; spaCy, which it uses where it is installed, is not."
    )
