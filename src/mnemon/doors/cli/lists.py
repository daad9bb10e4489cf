"""How a command that lists something shows it: a JSON document, or lines or a table, or a sentence if there is none."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from mnemon.doors.cli.output import emit, say
from mnemon.doors.cli.state import state

if TYPE_CHECKING:
    from rich.table import Table

    from mnemon.core.pages import Page
    from mnemon.doors.cli.session import OpenedMemory

T = TypeVar("T")


def empty_table(*columns: str) -> Table:
    """Return a table as every command draws one; further columns may be added."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def show_lines(data: Any, rows: Sequence[T], line: Callable[[T], str], *, nothing: str) -> None:
    """Show a whole list.

    Args:
        data: the document that --json writes.
        rows: what is listed.
        line: a row as one line for people.
        nothing: the sentence for an empty list.
    """
    if state.json:
        emit(data)
        return
    for row in rows:
        typer.echo(line(row))
    if not rows:
        say(nothing)


def show_pages(
    opened: OpenedMemory,
    fetch: Callable[[str | None], Coroutine[Any, Any, Page[T]]],
    show: Callable[[Page[T]], None],
    *,
    cursor: str | None,
    everything: bool,
    nothing: str,
) -> None:
    """Show a page of a list, or every page from there on.

    With --json a page is one document, and with ``everything`` each row is one.

    Args:
        opened: the session that runs ``fetch``.
        fetch: the page at a cursor; None is the first.
        show: prints a page that has rows, for people.
        cursor: where to begin.
        everything: go on to the last page.
        nothing: the sentence for an empty list.
    """
    while True:
        page = opened.run(fetch(cursor))
        if state.json:
            for document in page.items if everything else [page]:
                emit(document)
        elif page.items:
            show(page)
        cursor = page.next_cursor
        if cursor is None or not everything:
            break
    if not page.items:
        say(nothing)
    elif cursor is not None:
        say(f"There is more: add --cursor {cursor}", style="dim")
