"""scale: search in organisations of a thousand to a million memories, beside a thousand other organisations."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import Timing, number
from bench.report import Report
from bench.scale_data import Organization, agent_id, load, organizations, user_id
from bench.scale_memory import resident
from bench.scale_plot import plot
from bench.server import Server, server
from mnemon import AsyncMemory
from mnemon.ai.embedders import Vectors
from mnemon.core.errors import MnemonError
from mnemon.db.types import encode_vector
from mnemon.memory.recall import candidates
from mnemon.memory.recall.coded import gather
from mnemon.memory.recall.held import gather as held
from mnemon.memory.schemas import Scope

SIZES = (1_000, 10_000, 100_000, 1_000_000)
K = 10
#: Rows that the small user should have, if the organisation has as many.
_SMALL = 30
#: Rows of a scope up to which it is held whole, to compare with.
_WHOLE = 200_000
_OPTIONS = {"max_wal_size": "4GB", "max_worker_processes": "16", "max_parallel_workers": "8"}


@dataclass(frozen=True, slots=True)
class Filter:
    """One way to narrow a search: the scope for the product, the predicate for the exact search."""

    name: str
    scope: Scope
    predicate: str
    rows: int


@dataclass(slots=True)
class Measured:
    """What was measured of one organisation under one filter."""

    organization: int
    filter: Filter
    times: Timing
    short: int
    vector: dict[int, float] = field(default_factory=dict)
    top: float | None = None

    def as_numbers(self) -> dict[str, Any]:
        """For the JSON."""
        return {
            "organization": self.organization,
            "filter": self.filter.name,
            "rows": self.filter.rows,
            "median_ms": self.times.median,
            "p95_ms": self.times.p95,
            "returned_fewer": self.short,
            **{f"vector_recall_at_{k}": value for k, value in self.vector.items()},
            "top_10_as_exact": self.top,
        }


async def run(
    report: Report,
    data: Path,
    *,
    sizes: Sequence[int] = SIZES,
    others: int = 1000,
    other_rows: int = 200_000,
    queries: int = 40,
    work: Path | None = None,
    keep: Path | None = None,
) -> None:
    """Load, then search under every filter in every organisation.

    Args:
        report: takes the results.
        data: a JSONL file whose words the memories are made of.
        sizes: memories of the measured organisations.
        others: other organisations; other_rows: memories that they have together.
        queries: questions asked under each filter.
        work: where the server's directory is made; a million memories need 10 GB there.
        keep: a directory for the server that is not removed: the next run finds its rows loaded.
    """
    async with server(report, work=work, options=_OPTIONS, keep=keep) as place:
        admin = await place.admin()
        many = organizations(sizes, others, other_rows)
        found: list[Measured] = []
        exact = AsyncMemory(place.settings(auto_maintenance=False, recall_copy_rows=_WHOLE, recall_copy_mb=2000))
        async with place.memory(auto_maintenance=False) as memory, exact:
            await _load_once(report, admin, data, many, memory.settings.exact_search_limit, keep)
            await _sizes(report, place, admin, many)
            for one in many:
                if one.measured:
                    found += await _organization(admin, memory, exact, one, queries)
            report.numbers["copies"] = [
                await resident(admin, place, one) for one in many if one.measured and one.rows != 10_000
            ]
        await admin.close()
    report.numbers["searches"] = [one.as_numbers() for one in found]
    _tables(report, found)
    _copies(report)
    plot(report, [one.as_numbers() for one in found])


async def _load_once(
    report: Report, admin: Any, data: Path, many: Sequence[Organization], exact_limit: int, keep: Path | None
) -> None:
    """Load, unless a run before this one has left the same rows behind."""
    mark = keep / "loaded.json" if keep else None
    wanted = [[str(one.id), one.rows] for one in many]
    if mark is not None and (before := read_mark(mark)).get("organizations") == wanted:
        report.numbers["load_seconds"] = before["load_seconds"]
        return
    await load(report, admin, data, many, exact_limit)
    if mark is not None:
        write_mark(mark, {"organizations": wanted, "load_seconds": report.numbers["load_seconds"]})


def read_mark(path: Path) -> dict[str, Any]:
    """What was loaded into a kept directory; nothing, if nothing was."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def write_mark(path: Path, content: dict[str, Any]) -> None:
    """Note what was loaded."""
    path.write_text(json.dumps(content), encoding="utf-8")


async def _sizes(report: Report, place: Server, admin: Any, many: Sequence[Organization]) -> None:
    rows = await admin.fetchval("SELECT count(*) FROM memories")
    used = shutil.disk_usage(place.data_dir)
    database = await admin.fetchval("SELECT pg_database_size(current_database())") / 1024**3
    steps = report.numbers["load_seconds"]
    report.numbers["rows"] = rows
    report.numbers["database_gb"] = database
    report.say(
        f"{rows:,} memories of {len(many):,} organisations loaded in {sum(steps.values()):.0f} s ("
        + ", ".join(f"{name} {seconds:.0f}" for name, seconds in steps.items())
        + f"); the database has {database:.1f} GB ({used.free / 1024**3:.0f} GB free)."
    )


async def _organization(
    admin: Any, memory: AsyncMemory, exact: AsyncMemory, one: Organization, queries: int
) -> list[Measured]:
    home, true = await memory.organization(one.slug), await exact.organization(one.slug)
    asked = await _questions(admin, one, queries)
    await home.search(asked[0], k=K)
    await (await home.open()).background.settled()  # the copy is read behind the first search
    found = []
    for narrow in await _filters(admin, one):
        measured = await _searches(home, one, narrow, asked)
        found.append(measured)
        try:
            await _vector_stage(admin, home, one, narrow, asked, measured)
            if narrow.rows <= _WHOLE:
                measured.top = await _end_to_end(home, true, narrow, asked[: max(5, queries // 2)])
        except MnemonError as error:  # reading so many rows whole may take longer than a statement may
            print(f"  {one.rows:,} {narrow.name}: {error}", flush=True)
        print(f"  {one.rows:,} {narrow.name}: {measured.times} ms, {measured.vector}, {measured.top}", flush=True)
    return found


async def _questions(admin: Any, one: Organization, count: int) -> list[str]:
    """Questions made of a few words of a memory each, so that there is something to find."""
    chance = random.Random(one.rows)
    ordinals = await admin.fetch(
        "SELECT ordinal FROM memories WHERE organization_id = $1 ORDER BY ordinal LIMIT 5000", one.id
    )
    chosen = chance.sample([row["ordinal"] for row in ordinals], min(count, len(ordinals)))
    rows = await admin.fetch(
        "SELECT content FROM memories WHERE organization_id = $1 AND ordinal = ANY($2)", one.id, chosen
    )
    asked = []
    for row in rows:
        words = row["content"].split()
        start = chance.randrange(max(1, len(words) - 6))
        asked.append("What was that about " + " ".join(words[start : start + 6]) + "?")
    return asked


async def _filters(admin: Any, one: Organization) -> list[Filter]:
    """Nothing; the largest person; a small one; an agent."""
    names = {user_id(one, n): f"user-{n}" for n in range(one.users())}
    rows = await admin.fetch(
        "SELECT user_id, count(*) AS rows FROM memories WHERE organization_id = $1 GROUP BY 1", one.id
    )
    people = sorted((row["rows"], names[row["user_id"]], row["user_id"]) for row in rows)
    small = next((person for person in people if person[0] >= _SMALL), people[0])
    large = people[-1]
    agent = agent_id(one, 3)
    agent_rows = await admin.fetchval(
        "SELECT count(*) FROM memories WHERE organization_id = $1 AND agent_id = $2", one.id, agent
    )
    return [
        Filter("none", Scope(), "true", one.rows),
        Filter("large user", Scope(user=large[1]), f"user_id = '{large[2]}'", large[0]),
        Filter("small user", Scope(user=small[1]), f"user_id = '{small[2]}'", small[0]),
        Filter("agent", Scope(agent="agent-3"), f"agent_id = '{agent}'", agent_rows),
    ]


async def _searches(home: AsyncMemory, one: Organization, narrow: Filter, asked: Sequence[str]) -> Measured:
    """Latency in process, after one round that warms caches up; and whether a search came back short."""
    times, short = [], 0
    for turn in range(3):
        for question in asked:
            began = time.perf_counter()
            answer = await home.search(question, k=K, scope=narrow.scope)
            if turn:
                times.append(time.perf_counter() - began)
                short += len(answer) < min(K, narrow.rows)
    return Measured(one.rows, narrow, Timing.of(times), short)


async def _vector_stage(
    admin: Any, home: AsyncMemory, one: Organization, narrow: Filter, asked: Sequence[str], measured: Measured
) -> None:
    """Recall of the product's nearest rows against all rows of the scope looked at one by one.

    Counted by distance: a row counts that is no farther than the k-th nearest; texts that occur twice do no harm.
    """
    hits: dict[int, list[float]] = {10: [], 100: []}
    for question in asked:
        with _nearest_stage() as stage:
            await home.search(question, k=K, scope=narrow.scope)
        if stage.vector is None:
            continue
        true = await admin.fetch(
            "SELECT ordinal, (embedding <=> $2) + 0 AS distance FROM memories "
            f"WHERE organization_id = $1 AND embedding IS NOT NULL AND {narrow.predicate} ORDER BY 2 LIMIT 200",
            one.id,
            encode_vector(stage.vector),
        )
        for k, recalls in hits.items():
            wanted = min(k, len(true))
            if wanted:
                farthest = true[wanted - 1]["distance"] + 1e-6
                right = {row["ordinal"] for row in true if row["distance"] <= farthest}
                recalls.append(min(1.0, len(right & set(stage.near[:wanted])) / wanted))
    measured.vector = {k: float(np.mean(recalls)) for k, recalls in hits.items() if recalls}


@dataclass(slots=True)
class _Stage:
    """What the vector stage of one search was asked and what it answered."""

    vector: Vectors | None = None
    near: list[int] = field(default_factory=list)


@contextmanager
def _nearest_stage() -> Iterator[_Stage]:
    """Listen to the product's own vector stages while the block runs; nothing of them is changed."""
    stage = _Stage()
    nearest, measure_rows = candidates.nearest, held.measure_rows

    async def in_database(*args: Any, **kwargs: Any) -> Any:
        found = await nearest(*args, **kwargs)
        vector = next(one for one in (*args, *kwargs.values()) if isinstance(one, np.ndarray))
        if vector.any():
            stage.vector, stage.near = vector, list(found.ordinals)
        return found

    async def coded(connection: Any, few: Any, sought: Any, *args: Any, **kwargs: Any) -> Any:
        if sought.vector.any():  # the rows that were read: those closest, and others for their words
            order = np.argsort(-few.cosines(sought.vector), kind="stable")
            stage.vector, stage.near = sought.vector, few.ordinals[order].tolist()
        return await measure_rows(connection, few, sought, *args, **kwargs)

    setattr(candidates, "nearest", in_database)  # noqa: B010 - functions of other modules, put back below
    setattr(gather, "measure_rows", coded)  # noqa: B010
    try:
        yield stage
    finally:
        setattr(candidates, "nearest", nearest)  # noqa: B010
        setattr(gather, "measure_rows", measure_rows)  # noqa: B010


async def _end_to_end(home: AsyncMemory, exact: AsyncMemory, narrow: Filter, asked: Sequence[str]) -> float:
    """Share of the first ten that are the same when every row of the scope is measured."""
    same = []
    for question in asked:
        one = {hit.id for hit in await home.search(question, k=K, scope=narrow.scope)}
        other = {hit.id for hit in await exact.search(question, k=K, scope=narrow.scope)}
        same.append(len(one & other) / max(len(other), 1))
    return float(np.mean(same))


def _tables(report: Report, found: Sequence[Measured]) -> None:
    report.table(
        f"Search in process, k={K}, milliseconds. Fewer: searches that returned fewer than {K} although the scope has "
        "more. Recall of the vector stage: against looking at every row, of scopes that are not held row by row; aim: "
        "at least 0.98 and 0.9. Top 10 as exact: share of the answer that is the same when every row of the scope is "
        f"held and measured, of scopes of up to {_WHOLE:,}.",
        ("memories", "filter", "rows in it", "median / p95", "fewer", "recall@10", "recall@100", "top 10 as exact"),
        [
            (
                f"{one.organization:,}",
                one.filter.name,
                f"{one.filter.rows:,}",
                str(one.times),
                str(one.short),
                *(f"{one.vector[k]:.3f}" if k in one.vector else "-" for k in (10, 100)),
                number(one.top, 3) if one.top is not None else "-",
            )
            for one in found
        ],
    )


def _copies(report: Report) -> None:
    report.table(
        "Copies in a process of its own that searches one organisation: seconds to the first answer, to read the copy "
        "behind it, what the copy takes, and the process's memory before and after; MB:",
        ("memories", "first answer, s", "copy read, s", "copy", "process before", "after", "most"),
        [
            (
                f"{one['memories']:,}",
                number(one["first_s"], 2),
                number(one["read_s"], 1),
                f"{one['copy_mb']:.0f}",
                *(f"{one[name]:.0f}" for name in ("before_mb", "after_mb", "most_mb")),
            )
            for one in report.numbers["copies"]
        ],
    )
