"""get, list and history: what is kept, as it is kept."""

from __future__ import annotations

from typing import Annotated

import typer

from mnemon.doors.cli import filters
from mnemon.doors.cli.session import session
from mnemon.doors.cli.state import state
from mnemon.doors.cli.times import moment

Id = Annotated[str, typer.Argument(metavar="ID", help="As remember or search gives it.", show_default=False)]


def get(item_id: Id, as_of: filters.AsOf = None, utc: filters.Utc = False) -> None:
    """Show one message or memory in full."""
    when = moment(as_of, "--as-of", utc=utc)
    with session() as opened:
        found = opened.run(opened.memory.get(item_id, as_of=when))
    if state.json:
        from mnemon.doors.cli.output import emit

        emit(found)
        return
    from mnemon.doors.cli.items import show_item

    show_item(found, utc=utc)


def list_items(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Rows of the page.")] = 50,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Where the page before ended.")] = None,
    past: Annotated[bool, typer.Option("--past", help="Also what was corrected or forgotten.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Every page; with --json one object a line, as they come.")
    ] = False,
    user: filters.User = None,
    agent: filters.Agent = None,
    conversation: filters.Conversation = None,
    team: filters.Team = None,
    types: filters.Types = None,
    tags: filters.Tags = None,
    since: filters.Since = None,
    until: filters.Until = None,
    as_of: filters.AsOf = None,
    valid_at: filters.ValidAt = None,
    metadata: filters.Metadata = None,
    utc: filters.Utc = False,
) -> None:
    """List what is remembered, newest first, a page at a time."""
    from mnemon.doors.cli.output import emit, say

    conditions = filters.conditions(
        user=user,
        agent=agent,
        conversation=conversation,
        team=team,
        types=types,
        tags=tags,
        since=since,
        until=until,
        as_of=as_of,
        valid_at=valid_at,
        metadata=metadata,
        utc=utc,
    )
    with session() as opened:
        while True:
            page = opened.run(
                opened.memory.list(limit=1000 if everything else limit, cursor=cursor, include_past=past, **conditions)
            )
            if state.json and everything:
                for item in page.items:
                    emit(item)
            elif state.json:
                emit(page)
            elif page.items:
                from mnemon.doors.cli.items import show_page

                show_page(page, utc=utc)
            cursor = page.cursor
            if cursor is None or not everything:
                break
    if not page.items:
        say("Nothing is remembered here." if not conditions else "Nothing matches these conditions.")
    elif cursor is not None:
        say(f"There is more: add --cursor {cursor}", style="dim")


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
