"""get, list and history: what is kept, as it is kept."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.doors.cli import filters
from mnemon.doors.cli.session import session
from mnemon.doors.cli.state import state
from mnemon.doors.cli.times import moment

if TYPE_CHECKING:
    from mnemon.core.pages import Page
    from mnemon.memory.schemas import Item

Id = Annotated[str, typer.Argument(metavar="ID", help="As remember or search gives it.", show_default=False)]


def get(item_id: Id, as_of: filters.AsOf = None, utc: filters.Utc = False) -> None:
    """Show one message or memory in full."""
    when = moment(as_of, "--as-of", utc=utc)
    with session() as opened:
        item = opened.run(opened.memory.get(item_id, as_of=when))
    if state.json:
        from mnemon.doors.cli.output import emit

        emit(item)
        return
    from mnemon.doors.cli.items import show_item

    show_item(item, utc=utc)


def read(item_id: Id, as_of: filters.AsOf = None, utc: filters.Utc = False) -> None:
    """Print a whole text, letter by letter, and nothing else; of a text in parts any part names it."""
    when = moment(as_of, "--as-of", utc=utc)
    with session() as opened:
        text = opened.run(opened.memory.read(item_id, as_of=when))
    if state.json:
        from mnemon.doors.cli.output import emit

        emit({"id": item_id, "text": text})
    else:
        typer.echo(text.encode(), nl=False)


@filters.with_conditions()
def list_items(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Rows of the page.")] = 50,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Where the page before ended.")] = None,
    past: Annotated[bool, typer.Option("--past", help="Also what was corrected or forgotten.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Every page; with --json one object a line, as they come.")
    ] = False,
    *,
    conditions: filters.Conditions,
    utc: filters.Utc = False,
) -> None:
    """List what is remembered, newest first, a page at a time."""
    from mnemon.doors.cli.lists import show_pages

    with session() as opened:
        opened.show_times_of(conditions.get("user"))

        def fetch(at: str | None) -> Coroutine[Any, Any, Page[Item]]:
            size = 1000 if everything else limit
            return opened.memory.list(limit=size, cursor=at, include_past=past, **conditions)

        def show(page: Page[Item]) -> None:
            from mnemon.doors.cli.items import show_page

            show_page(page, utc=utc)

        nothing = "Nothing is remembered here." if not conditions else "Nothing matches these conditions."
        show_pages(opened, fetch, show, cursor=cursor, everything=everything, nothing=nothing)


def history(item_id: Id, utc: filters.Utc = False) -> None:
    """Show every text that a memory had, and everything that happened to it."""
    with session() as opened:
        story = opened.run(opened.memory.history(item_id))
    if state.json:
        from mnemon.doors.cli.output import emit

        emit(story)
        return
    from mnemon.doors.cli.items import show_history

    show_history(story, utc=utc)
