"""tour: a sample, some questions, the answers with their reasons; then the visitor asks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.doors.cli.session import OpenedMemory, session
from mnemon.doors.cli.state import state

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mnemon.adapters.importing import ImportReport
    from mnemon.memory.schemas import Hit, Recollection

ORGANIZATION = "harbour-tour"
"""The sample's own organisation: what a visitor keeps in Mnemon stays apart."""

#: Of samples.QUESTIONS: a date that moved twice, something said once, a person who moved, a contact who retired.
_ASKED = (0, 3, 6, 7)
_CHANGED = "What is the budget in euros?"
_BEFORE = datetime(2026, 3, 1, tzinfo=UTC)
_WIDTH = 100


def tour(
    questions: Annotated[int, typer.Option("--questions", min=0, max=10, help="How many sample questions.")] = 4,
    ask: Annotated[
        bool, typer.Option("--ask/--no-ask", help="On a terminal, take questions of your own at the end.")
    ] = True,
) -> None:
    """Import a sample and ask it questions: what was recalled, and why.

    The sample is five weeks of a small team and its two agents. It lives in an organisation of its own.
    """
    from mnemon.doors.cli.output import console, is_terminal
    from mnemon.samples import harbour

    began = time.perf_counter()
    with session(doing="Starting PostgreSQL", organization=ORGANIZATION) as opened:
        report = opened.run(opened.memory.import_file(harbour()))
        if state.json:
            _as_json(opened, report, questions)
            return
        screen = console()
        screen.width = min(screen.width, _WIDTH)
        _welcome(screen, opened, report)
        for question in _chosen(questions):
            _answer(screen, opened, question)
        _time_travel(screen, opened)
        seconds = time.perf_counter() - began
        if ask and is_terminal():
            _conversation(screen, opened)
    _goodbye(screen, seconds)


def _chosen(count: int) -> list[str]:
    from mnemon.samples import QUESTIONS

    order = [*_ASKED, *(index for index in range(len(QUESTIONS)) if index not in _ASKED)]
    return [QUESTIONS[index] for index in order[:count]]


def _as_json(opened: OpenedMemory, report: ImportReport, questions: int) -> None:
    from mnemon.doors.cli.output import emit

    found = [opened.run(opened.memory.search(question, k=3)) for question in _chosen(questions)]
    emit({"organization": ORGANIZATION, "import": report, "answers": found})


def _welcome(screen: Console, opened: OpenedMemory, report: ImportReport) -> None:
    from rich.rule import Rule
    from rich.text import Text

    total = report.imported + report.skipped + report.resumed_after
    is_embedded = opened.memory.settings.database_url is None
    server = "a PostgreSQL that Mnemon runs for you" if is_embedded else "your PostgreSQL"
    came = f"went into {server} in {report.seconds:.1f} s" if report.imported else f"are already in {server}"
    private = is_embedded and opened.memory.settings.embedding_model in {"builtin", "multilingual"}
    screen.print(Rule(Text("Mnemon: a tour", style="bold"), align="left", style="dim"))
    screen.print(
        f"{total} things that a small team and its two agents said in the spring of 2026, while they built buoys for "
        f"a harbour, {came}." + (" Nothing leaves this machine, and no key is needed." if private else "")
    )


def _answer(screen: Console, opened: OpenedMemory, question: str) -> None:
    from rich.text import Text

    found = opened.run(opened.memory.search(question, k=3))
    screen.print()
    screen.print(Text.assemble(("? ", "bold cyan"), (question, "bold")))
    _show(screen, found)


def _show(screen: Console, found: Recollection) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from mnemon.doors.cli.output import clean, one_line
    from mnemon.doors.cli.times import local

    if not found.hits:
        screen.print("  Nothing is remembered about that. Try other words, or ask about a person.", style="dim")
        return
    first, *others = found.hits
    heading = Text.assemble(_where(first), (f", found in {found.took_ms:.0f} ms", "dim"))
    screen.print(Padding(heading, (0, 0, 0, 2), expand=False))
    screen.print(Padding(Text(clean(first.content)), (0, 0, 0, 2), expand=False))
    screen.print(Padding(_why(first, found.query), (0, 0, 0, 4), expand=False))
    for hit in others:
        at = local(hit.item.at)
        line = Text(f"  {_who(hit)}, {at.day} {at:%b}: {one_line(hit.content)}", style="dim")
        line.truncate(screen.width - 1, overflow="ellipsis")
        screen.print(line, no_wrap=True)


def _where(hit: Hit) -> Text:
    from rich.text import Text

    from mnemon.doors.cli.output import one_line
    from mnemon.doors.cli.times import long_day

    return Text.assemble(
        (_who(hit), "bold green"), (f" in {one_line(hit.item.conversation or '-')}, {long_day(hit.item.at)}", "green")
    )


def _who(hit: Hit) -> str:
    from mnemon.doors.cli.output import one_line

    return one_line(hit.item.speaker or hit.item.user or "somebody")


def _why(hit: Hit, query: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    from mnemon.doors.cli.output import bar
    from mnemon.doors.cli.words import reasons

    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=30)
    for reason in reasons(hit, query, 3):
        table.add_row(
            Text(reason.text, style="dim"),
            Text(bar(reason.share, 1.0, 20), style=reason.colour),
            Text(f"{reason.share:.2f}", style="dim"),
            Text(reason.note, style="dim italic"),
        )
    return table


def _time_travel(screen: Console, opened: OpenedMemory) -> None:
    """Show one fact that changed: the same question about two moments."""
    from rich.table import Table
    from rich.text import Text

    from mnemon.doors.cli.output import one_line

    screen.print()
    screen.print(
        Text.assemble(("? ", "bold cyan"), (_CHANGED, "bold"), ("  things change: the same question, twice", "dim"))
    )
    table = Table.grid(padding=(0, 1))
    for label, until in (("  by 1 March ", _BEFORE), ("  today      ", None)):
        conditions: dict[str, Any] = {} if until is None else {"until": until}
        hits = opened.run(opened.memory.search(_CHANGED, k=1, **conditions))
        for hit in hits.hits:
            table.add_row(Text(label, style="yellow"), Text(f"{hit.item.speaker}: {one_line(hit.content)}"))
    screen.print(table)


def _conversation(screen: Console, opened: OpenedMemory) -> None:
    """Questions of the visitor's own, until an empty line, Ctrl-D or Ctrl-C."""
    from contextlib import suppress

    from mnemon.core.errors import MnemonError

    with suppress(ImportError):
        import readline  # noqa: F401 - input() edits lines and remembers them once it is imported

    screen.print()
    screen.print("Now you: ask about the team, the buoys, the harbour. An empty line ends the tour.", style="bold")
    while True:
        try:
            question = input("? ").strip()
            if not question:
                return
            _show(screen, opened.run(opened.memory.search(question, k=3)))
        except (EOFError, KeyboardInterrupt):
            screen.print()
            return
        except MnemonError as error:
            screen.print(str(error), style="red")


def _goodbye(screen: Console, seconds: float) -> None:
    from rich.rule import Rule
    from rich.text import Text

    from mnemon.adapters.importers.registry import importers, load_all

    titles = ", ".join(kind.title for kind in load_all(importers().values())[0].values())
    screen.print()
    screen.print(Rule(Text("Next", style="bold"), align="left", style="dim"))
    for line in (
        "from mnemon import Memory",
        'memory = Memory(); memory.remember("I moved to Lisbon in May", user="ada")',
        'print(memory.recall("Where does Ada live?", user="ada"))',
    ):
        screen.print(Text(f"  {line}", style="cyan"), soft_wrap=True)
    for command, meaning in (
        ("mnemon import YOURFILE", titles),
        ('mnemon search "..."', "what was said, and why it was found"),
        ("mnemon --help", "everything else"),
    ):
        screen.print(Text.assemble((f"  {command:<24}", "bold"), (meaning, "dim")), soft_wrap=True)
    screen.print(f"All this took {seconds:.1f} s.", style="dim")
