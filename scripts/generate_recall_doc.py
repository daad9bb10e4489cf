"""Writes the tables of signals in docs/recall.md from the lists in mnemon.memory.recall.signals.

``python scripts/generate_recall_doc.py`` writes them; with ``--check`` nothing is written, and the exit code is 1 if
the page is not what would be written. Everything outside of ``<!-- signals: NAME -->`` and ``<!-- end -->`` is by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import pages
from mnemon.memory.recall import succession
from mnemon.memory.recall.signals import MATCH, RECALL, Signal

LISTS: dict[str, Sequence[Signal[Any]]] = {"match": MATCH, "recall": (*RECALL, succession.SIGNAL)}
_MARKED = re.compile(r"(<!-- signals: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(signals: Sequence[Signal[Any]]) -> str:
    """Write a row for each signal: what it measures, in which bounds, its weight."""
    rows = [
        f"| `{signal.name}` | {signal.measures} | {_bounds(signal)} | {signal.weight:g} | {signal.says} |"
        for signal in signals
    ]
    return "\n".join(
        ["| signal | what it measures | from, to | weight | as a reason |", "|---|---|---|---|---|", *rows]
    )


def _bounds(signal: Signal[Any]) -> str:
    least, most = signal.bounds
    return f"{least:g}, {'-' if most is None else f'{most:g}'}"


def filled(page: str) -> str:
    """Put the tables into the page."""
    return _MARKED.sub(lambda match: f"{match[1]}\n{table(LISTS[match[2]])}\n\n{match[3]}", page)


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    return pages.keep("recall.md", filled, "the signals")


if __name__ == "__main__":
    sys.exit(main())
