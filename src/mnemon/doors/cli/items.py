"""Messages and memories as they are kept: one in full, many as a table, a memory's story."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from mnemon.doors.cli.hits import speaker
from mnemon.doors.cli.lists import empty_table
from mnemon.doors.cli.output import clean, console, one_line
from mnemon.doors.cli.times import day_and_time

if TYPE_CHECKING:
    from mnemon.core.pages import Page
    from mnemon.memory.schemas import History, Item
    from mnemon.memory.schemas_facts import Usage


def show_item(item: Item, *, utc: bool) -> None:
    """Show one item in full: its text, then what is known of it."""
    screen = console()
    screen.print(Text(clean(item.content)))
    screen.print()
    table = Table.grid(padding=(0, 2))
    for name, value in _facts(item, utc=utc):
        if value:
            table.add_row(Text(name, style="dim"), Text(one_line(value)))
    screen.print(table)


def _facts(item: Item, *, utc: bool) -> list[tuple[str, str]]:
    import json

    memory = item.kind == "memory"
    return [
        ("id", str(item.id)),
        ("kind", f"memory, {item.memory_type.value}" if memory else f"message, {item.role}"),
        ("who", speaker(item)),
        ("user", item.user or ""),
        ("agent", item.agent or ""),
        ("conversation", item.conversation or ""),
        ("when", day_and_time(item.at, utc=utc)),
        ("until", day_and_time(item.valid_until, utc=utc) if item.valid_until else ""),
        ("recorded", day_and_time(item.recorded_at, utc=utc)),
        ("superseded", day_and_time(item.superseded_at, utc=utc) if item.superseded_at else ""),
        ("superseded by", str(item.superseded_by or "")),
        ("forgotten", day_and_time(item.deleted_at, utc=utc) if item.deleted_at else ""),
        ("tags", ", ".join(item.tags)),
        ("importance", f"{item.importance} of 10{', pinned' if item.is_pinned else ''}" if memory else ""),
        ("confirmed", _confirmed(item, utc=utc)),
        ("confidence", f"{item.confidence:g}" if memory else ""),
        ("model", item.model or ""),
        ("tool calls", json.dumps(item.tool_calls, ensure_ascii=False) if item.tool_calls else ""),
        ("tool results", json.dumps(item.tool_results, ensure_ascii=False) if item.tool_results else ""),
        ("rated", " ".join(filter(None, (item.feedback_rating, item.feedback_comment)))),
        ("metadata", json.dumps(item.metadata, ensure_ascii=False) if item.metadata else ""),
        ("source", f"{item.source} {item.source_id or ''}".strip()),
        ("part", f"{item.part} of {item.parts}, of the text {item.whole_id}" if item.parts else ""),
        ("version", str(item.version) if memory else ""),
    ]


def _confirmed(item: Item, *, utc: bool) -> str:
    when = item.confirmed_at
    return f"{item.confirmed} times, last {day_and_time(when, utc=utc)}" if when is not None else ""


def show_page(page: Page[Item], *, utc: bool) -> None:
    """Show a page of items, newest first."""
    screen = console()
    table = empty_table()
    table.add_column("when", no_wrap=True)
    table.add_column("who", overflow="fold", max_width=14, style="green")
    table.add_column("conversation", overflow="fold", max_width=18)
    table.add_column("text", overflow="fold", ratio=1)
    for item in page.items:
        mark = "" if item.kind == "message" else f"{item.memory_type.value} memory, "
        text = Text(clean(item.content))
        mark += f"{item.place}, " if item.place else ""
        state = ", forgotten" if item.deleted_at else ", superseded" if item.superseded_at else ""
        text.append(f"\n{mark}{item.id}{state}", style="dim")
        table.add_row(
            day_and_time(item.at, utc=utc, apart="\n"),
            Text(speaker(item)),
            Text(one_line(item.conversation or "-")),
            text,
        )
    screen.print(table)


def show_history(story: History, *, utc: bool) -> None:
    """Show every content, with the times it was held true, and what happened."""
    screen = console()
    versions = empty_table("true from", "until", "text")
    for item in story.versions:
        text = Text(clean(item.content))
        text.append(f"\n{item.id}", style="dim")
        end = day_and_time(item.valid_until, utc=utc) if item.valid_until else "now"
        if item.deleted_at:
            end += f"\nforgotten {day_and_time(item.deleted_at, utc=utc)}"
        versions.add_row(day_and_time(item.at, utc=utc), end, text)
    screen.print(versions)
    events = empty_table("recorded", "what", "by", "reason")
    for event in story.events:
        events.add_row(
            day_and_time(event.at, utc=utc), event.action, one_line(event.changed_by), one_line(event.reason or "-")
        )
    screen.print(events)


def show_uses(page: Page[Usage], *, of_answer: bool, utc: bool) -> None:
    """Show uses: what an answer was given, or the answers."""
    table = empty_table("rank", "score", "helped", "used" if of_answer else "answer", "noted")
    for use in page.items:
        table.add_row(
            "-" if use.rank is None else str(use.rank),
            "-" if use.relevance_score is None else f"{use.relevance_score:.3f}",
            {None: "-", True: "yes", False: "no"}[use.helpful],
            Text(f"{use.used_kind} {use.used_id}" if of_answer else str(use.message_id)),
            day_and_time(use.created_at, utc=utc),
        )
    console().print(table)
