"""What a search or a recall found, as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from mnemon.doors.cli.lists import empty_table
from mnemon.doors.cli.output import bar, clean, console, one_line
from mnemon.doors.cli.times import day_and_time
from mnemon.doors.cli.words import asked_words, colour, sentence, short, strongest

if TYPE_CHECKING:
    from mnemon.memory.schemas import Contribution, Hit, Item, Recollection

#: Below this width, who spoke and where share a column.
_NARROW = 90


def show(found: Recollection, *, explain: bool, utc: bool) -> None:
    """Print the hits, best first, each with its strongest reasons, or with all of them."""
    screen = console()
    if explain:
        for hit in found.hits:
            _explained(screen, hit, found.query, utc=utc)
    else:
        screen.print(_table(found, screen.width, utc=utc))
    screen.print(_footer(found), style="dim")


def _table(found: Recollection, width: int, *, utc: bool) -> Table:
    narrow = width < _NARROW
    table = empty_table()
    table.add_column("#", justify="right", style="dim")
    table.add_column("score", justify="right")
    table.add_column("when", no_wrap=True)
    table.add_column("who" if not narrow else "who, where", overflow="fold", max_width=14, style="green")
    if not narrow:
        table.add_column("conversation", overflow="fold", max_width=18)
    table.add_column("text", overflow="fold", ratio=1)
    for hit in found.hits:
        where = one_line(hit.item.conversation or "-")
        people = Text(speaker(hit.item))
        if narrow:
            people.append(f"\n{where}", style="dim")
        cells: list[RenderableType] = [str(hit.rank), f"{hit.score:.2f}", _when(hit.item, utc=utc), people]
        if not narrow:
            cells.append(Text(where))
        table.add_row(*cells, Group(Text(clean(hit.content)), _mini(hit).append(hit.item.place, style="dim")))
    return table


def speaker(item: Item) -> str:
    """Return who said it, or whose it is."""
    return one_line(item.speaker or item.user or item.agent or "-")


def _when(item: Item, *, utc: bool) -> Text:
    day, time = day_and_time(item.at, utc=utc).split(" ")
    return Text.assemble(day, (f"\n{time}", "dim"))


def _ranked_by(hit: Hit) -> dict[str, Contribution]:
    return hit.why.recall or hit.why.match


def _mini(hit: Hit) -> Text:
    """Return the three strongest signals as small bars on one line."""
    line = Text()
    contributions = _ranked_by(hit)
    full = max((one.share for one in contributions.values()), default=0.0)
    for name, one in strongest(contributions, 3):
        line.append(bar(one.share, full, 4), style=colour(name))
        line.append(f" {short(name)} {one.share:.2f}  ", style="dim")
    return line


def _explained(screen: Console, hit: Hit, query: str, *, utc: bool) -> None:
    """Show one hit with every signal, in the whole width."""
    where = one_line(hit.item.conversation or "-")
    screen.print(
        Text.assemble(
            (f"{hit.rank}  {hit.score:.3f}  ", "bold"),
            (speaker(hit.item), "bold green"),
            (f" in {where}, {day_and_time(hit.item.at, utc=utc)}", "green"),
        )
    )
    screen.print(Text(clean(hit.content)))
    if hit.why.recall:
        screen.print(_signals(f"recall {hit.score:.3f}", hit, hit.why.recall))
    screen.print(_signals(f"match {hit.why.match_score:.3f}", hit, hit.why.match))
    notes = [
        f"id {hit.id}",
        *filter(None, [hit.item.place]),
        f"found by {' and '.join(dict.fromkeys(hit.why.via)) or '-'}",
    ]
    if hit.why.terms:
        notes.append(f"words: {', '.join(asked_words(hit.why.terms, query))}")
    if hit.why.names:
        notes.append(f"names: {', '.join(hit.why.names)}")
    if hit.why.times:
        notes.append(f"time: {' or '.join(hit.why.times)}")
    screen.print(Text("; ".join(notes) + "\n", style="dim"))


def _signals(title: str, hit: Hit, contributions: dict[str, Contribution]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in (title, "value", "weight", "share", ""):
        table.add_column(name, justify="left" if name in {title, ""} else "right", header_style="dim", no_wrap=True)
    full = max((abs(contribution.share) for contribution in contributions.values()), default=0.0)
    for name, contribution in sorted(contributions.items(), key=lambda pair: -pair[1].share):
        table.add_row(
            Text(sentence(name, hit)),
            f"{contribution.value:.3f}",
            f"{contribution.weight:.2f}",
            f"{contribution.share:+.3f}",
            Text(bar(abs(contribution.share), full, 12), style="red" if contribution.share < 0 else colour(name)),
        )
    return table


def _footer(found: Recollection) -> str:
    count = f"{len(found.hits)} hit{'' if len(found.hits) == 1 else 's'}"
    left = f", {found.left_out} left out by the token budget" if found.left_out else ""
    return f"{count}{left}, about {found.tokens} tokens, {found.took_ms:.0f} ms"
