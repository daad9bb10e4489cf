"""Maintenance with a bar, for the commands that wait for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mnemon.doors.cli.session import OpenedMemory
from mnemon.doors.cli.state import state

if TYPE_CHECKING:
    from mnemon.memory.schemas import Maintained

#: Rows between two looks at how far it has come.
_STEP = 1000


def index(opened: OpenedMemory, *, max_rows: int | None = None) -> Maintained:
    """Index what waits; on a terminal, a bar shows how much of it is done."""
    memory = opened.memory
    if state.quiet or not sys.stderr.isatty():
        return opened.run(memory.maintain(max_rows=max_rows))
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from mnemon.doors.cli.output import errors_console
    from mnemon.memory.schemas import Maintained

    waiting = opened.run(memory.maintain(max_rows=0)).remaining
    total = waiting if max_rows is None else min(max_rows, waiting)
    columns = (TextColumn("Indexing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    indexed, remaining = 0, waiting
    with Progress(*columns, console=errors_console(), transient=True) as bars:
        task = bars.add_task("", total=total)
        while indexed < total and remaining:
            step = opened.run(memory.maintain(max_rows=min(_STEP, total - indexed)))
            indexed, remaining = indexed + step.indexed, step.remaining
            bars.update(task, completed=indexed)
            if not step.indexed:  # another process has the rest in hand
                break
    return Maintained(indexed=indexed, remaining=remaining)
