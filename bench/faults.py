"""faults: the suite of tests/faults, with what each fault cost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from bench.report import Report

ROOT = Path(__file__).resolve().parents[1]


async def run(report: Report) -> None:
    """Run the suite; what its tests measured becomes a table.

    Args:
        report: takes the results.

    Raises:
        SystemExit: a test failed.
    """
    with tempfile.TemporaryDirectory() as place:
        figures = Path(place) / "figures"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", "-q", "tests/faults"),
            cwd=ROOT,
            env={**os.environ, "FAULT_FIGURES": str(figures)},
        )
        if await process.wait():
            raise SystemExit("A fault was not survived: see above.")
        found = [json.loads(line) for line in figures.read_text(encoding="utf-8").splitlines()]
    report.numbers["faults"] = found
    usual = {"fault", "acknowledged", "refused"}
    report.table(
        "Each fault met six writers of three organisations. Every memory that was acknowledged was there afterwards, "
        "once, with its content, and nobody saw another organisation's; refused are calls that ended with an error, to "
        "be tried again by the caller. The outage is the longest time without an acknowledgement, the fault itself and "
        "the start of what was killed included:",
        ("fault", "acknowledged", "refused", "outage", "besides"),
        [
            (
                one["fault"],
                f"{one['acknowledged']:,}",
                f"{one['refused']:,}",
                f"{one['outage_seconds']:.1f} s" if "outage_seconds" in one else "-",
                ", ".join(
                    f"{name.replace('_', ' ')}: {value}"
                    for name, value in one.items()
                    if name not in usual | {"outage_seconds"}
                ),
            )
            for one in found
        ],
    )
