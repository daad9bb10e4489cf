"""statements: what the seeds set a limit to, through the product's verbs, beside the same by bare asyncpg."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bench.measure import Timing, number
from bench.replay import Pair, beside, listening, record
from bench.report import Report
from bench.server import Server, server
from bench.statements_calls import STATEMENTS, Asker, Statement
from bench.statements_data import ROWS, Place, load, places
from mnemon.core import crypto

#: Questions asked of each organisation, and how often each.
QUESTIONS, ROUNDS = 60, 10
_OPTIONS = {"max_wal_size": "8GB"}


@dataclass(slots=True)
class Measured:
    """One statement in the large and in the small organisation."""

    statement: Statement
    sent: int = 0
    pairs: list[Pair] = field(default_factory=list)

    @property
    def worst(self) -> float:
        """The larger of the two ratios."""
        return max(pair.ratio for pair in self.pairs)

    @property
    def headroom(self) -> float:
        """How often the slower median fits into the limit."""
        return self.statement.limit_ms / max(Timing.of(pair.product).median for pair in self.pairs)

    def as_numbers(self) -> dict[str, Any]:
        """For the JSON."""
        one = self.statement
        return {
            "name": one.name,
            "requirement": one.requirement,
            "limit_ms": one.limit_ms,
            "bound": one.bound,
            "statements_sent": self.sent,
            "large": self.pairs[0].as_numbers(),
            "small": self.pairs[1].as_numbers(),
            "limit_over_median": self.headroom,
        }


async def run(
    report: Report,
    *,
    organizations: int = 1000,
    rows: int = 1_000_000,
    work: Path | None = None,
    keep: Path | None = None,
) -> None:
    """Load, then every statement in the largest and in the smallest organisation.

    Args:
        report: takes the results.
        organizations: how many; the n-th has a share of 1/n.
        rows: in each of the busiest tables.
        work: where the server's directory is made; a million rows need 6 GB there.
        keep: a directory for the server that is not removed: the next run finds its rows loaded.
    """
    many = places(organizations, rows)
    async with server(report, work=work, options=_OPTIONS, keep=keep) as place:
        admin = await place.admin()
        await _load_once(report, admin, many, keep)
        await _say(report, admin, many)
        found = await _measure(place, admin, many)
        await admin.close()
    report.numbers["statements"] = [one.as_numbers() for one in found]
    _table(report, many, found)


async def _load_once(report: Report, admin: Any, many: Sequence[Place], keep: Path | None) -> None:
    mark = keep / "statements.json" if keep else None
    wanted = [len(many), many[0].total]
    if mark is not None and mark.is_file():
        before = json.loads(mark.read_text(encoding="utf-8"))
        if before["loaded"] != wanted:
            raise SystemExit(f"{keep} holds other rows: {before['loaded']}")
        report.numbers |= before["numbers"]
        return
    await load(report, admin, list(many))
    if mark is not None:
        numbers = {name: report.numbers[name] for name in ("load_seconds", "rows")}
        mark.write_text(json.dumps({"loaded": wanted, "numbers": numbers}), encoding="utf-8")


async def _say(report: Report, admin: Any, many: Sequence[Place]) -> None:
    size = await admin.fetchval("SELECT pg_database_size(current_database())") / 1024**3
    report.numbers["database_gb"] = size
    rows = report.numbers["rows"]
    busiest = [table for table in ROWS if ROWS[table] == max(ROWS.values())]
    report.say(
        f"{sum(rows.values()):,} rows of {len(many):,} organisations ({', '.join(busiest)}: about "
        f"{rows[busiest[0]]:,} each; {size:.1f} GB) loaded in {sum(report.numbers['load_seconds'].values()):.0f} s."
    )


async def _measure(place: Server, admin: Any, many: Sequence[Place]) -> list[Measured]:
    found: list[Measured] = []
    bare = await place.bare()
    async with place.memory(
        auto_maintenance=False, organization="bench-1", secret_key=SecretStr(crypto.new_secret_key())
    ) as memory:
        app = memory._app  # noqa: SLF001 - what a door holds
        assert app is not None
        for statement in STATEMENTS:
            measured = Measured(statement)
            for one in (many[0], many[-1]):
                ctx = await app.organization(f"bench-{one.n}")
                asker = Asker(app, ctx, one, random.Random(one.n), admin)
                calls = await statement.calls(asker, QUESTIONS)
                with listening(app):
                    sent = [(await record(call))[1] for call in calls]
                measured.sent = max(len(each) for each in sent)
                measured.pairs.append(await beside(calls, sent, bare, rounds=_rounds(len(calls))))
            found.append(measured)
            ratios = ", ".join(f"{pair.ratio:.2f}" for pair in measured.pairs)
            print(f"  {statement.name}: {Timing.of(measured.pairs[0].product)} ms, {ratios}", flush=True)
    await bare.close()
    return found


def _rounds(calls: int) -> int:
    """As many timings where there are few people to ask about."""
    return max(ROUNDS, ROUNDS * QUESTIONS // calls)


def _table(report: Report, many: Sequence[Place], found: Sequence[Measured]) -> None:
    report.table(
        f"Milliseconds, median / p95 through the product's verb, and the ratio of its median to that of the same "
        f"statements by bare asyncpg (same transactions, from BEGIN to COMMIT, same role, same settings, by turns), in "
        f"the largest organisation ({many[0].share:.0%} of all rows) and in the smallest ({many[-1].share:.3%}); how "
        f"often the slower median fits into the seed's limit:",
        ("statement", "sent", "largest", "ratio", "smallest", "ratio", "target", "seed's limit", "reached"),
        [
            (
                one.statement.name,
                str(one.sent),
                *(text for pair in one.pairs for text in (str(Timing.of(pair.product)), f"{pair.ratio:.2f}")),
                f"at most {one.statement.bound:g}",
                f"{number(one.statement.limit_ms, 0)} ms ({one.statement.requirement})",
                f"{one.headroom:.0f} times over",
            )
            for one in found
        ],
    )
