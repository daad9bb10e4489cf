"""note-use and usage: what an answer was given, and which answers something was used for."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli import filters
from mnemon.doors.cli.session import session
from mnemon.doors.cli.state import state

if TYPE_CHECKING:
    from mnemon.core.pages import Page
    from mnemon.memory.schemas_facts import Usage


def note_use(
    answer: Annotated[str, typer.Argument(metavar="ANSWER", help="The message that was said.", show_default=False)],
    used: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Messages and memories it was given.", show_default=False)
    ],
    helpful: Annotated[bool | None, typer.Option("--helpful/--not-helpful", help="Whether these helped.")] = None,
) -> None:
    """Note which messages and memories an answer was given; said again, nothing is there twice."""
    with session() as opened:
        noted = opened.run(opened.memory.note_use(answer, used, helpful=helpful))
    if state.json:
        from mnemon.doors.cli.output import emit

        emit(noted)
    elif not state.quiet:
        typer.echo(f"Noted: {noted.count} used.")


def usage(
    answer: Annotated[str | None, typer.Option(metavar="ID", help="The answer: what it was given.")] = None,
    used: Annotated[str | None, typer.Option(metavar="ID", help="What was used: for which answers.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Rows of the page.")] = 100,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Where the page before ended.")] = None,
    utc: filters.Utc = False,
) -> None:
    """List what an answer was given, best first, or the answers that something was used for, newest first."""
    if (answer is None) == (used is None):
        raise Invalid("Give either --answer or --used.", code="invalid.usage_of", hint="With the id of a message.")
    from mnemon.doors.cli.lists import show_pages

    with session() as opened:

        def fetch(at: str | None) -> Coroutine[Any, Any, Page[Usage]]:
            return opened.memory.usage_of(answer=answer, used=used, limit=limit, cursor=at)

        def show(page: Page[Usage]) -> None:
            from mnemon.doors.cli.items import show_uses

            show_uses(page, of_answer=answer is not None, utc=utc)

        show_pages(opened, fetch, show, cursor=cursor, everything=False, nothing="No use of it is noted.")
