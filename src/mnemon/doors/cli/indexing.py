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

    first = opened.run(memory.maintain(max_rows=1))
    indexed, remaining, looked_at, unread = first.indexed, first.remaining, first.looked_at, first.unread
    total = indexed + remaining if max_rows is None else min(max_rows, indexed + remaining)
    columns = (TextColumn("Indexing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors_console(), transient=True) as bars:
        task = bars.add_task("", total=total, completed=indexed)
        while (indexed < total and remaining) or (unread and (max_rows is None or looked_at < max_rows)):
            step = opened.run(memory.maintain(max_rows=min(_STEP, total - indexed) if indexed < total else _STEP))
            indexed, remaining = indexed + step.indexed, step.remaining
            looked_at, unread = looked_at + step.looked_at, step.unread
            bars.update(task, completed=indexed)
            if not (step.indexed or step.looked_at):  # another process has the rest in hand
                break
    return Maintained(indexed=indexed, remaining=remaining, looked_at=looked_at, unread=unread)
