"""import: files of conversations into the memory, with how far it has come."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli.commands.formats import list_formats
from mnemon.doors.cli.session import OpenedMemory, session
from mnemon.doors.cli.state import state

if TYPE_CHECKING:
    from mnemon.adapters.importing import ImportReport, Progress

_SHOWN = 20


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="- reads standard input.", show_default=False)],
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="Instead of finding it out; --formats lists them."),
    ] = None,
    conversation: Annotated[
        str | None, typer.Option(metavar="NAME", help="JSONL: the conversation of lines that name none.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Whose memory it becomes.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="The agent that takes part.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first record that cannot be read.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Read from the beginning; nothing is stored twice.")
    ] = False,
    formats: Annotated[
        bool, typer.Option("--formats", help="List the formats and end.", is_eager=True, callback=list_formats)
    ] = False,
) -> None:
    """Import conversations that are kept elsewhere. An interrupted import resumes by itself."""
    _refuse_terminal(files)
    options: dict[str, Any] = {
        "format": format_,
        "conversation": conversation,
        "user": user,
        "agent": agent,
        "stop_on_broken": strict,
        "restart": restart,
    }
    reports: list[ImportReport] = []
    with session() as opened:
        for path in files:
            reports.append(_one(opened, path, options))
            if state.json:
                _emit(reports[-1])
        _index(opened, reports)
    if not state.json and not state.quiet:
        _summary(reports)


def _refuse_terminal(files: list[Path]) -> None:
    if Path("-") in files and sys.stdin.isatty():
        raise Invalid(
            "Standard input is the terminal: there is nothing to import from it.",
            code="invalid.import.terminal",
            hint="Such as: mnemon import - < talk.jsonl",
        )


def _one(opened: OpenedMemory, path: Path, options: dict[str, Any]) -> ImportReport:
    from mnemon.doors.cli.errors import Stopped

    last: list[ImportReport] = []
    try:
        with _progress(path, last) as on_progress:
            return opened.run(opened.memory.import_file(path, on_progress=on_progress, **options))
    except KeyboardInterrupt:
        imported = last[-1].imported if last else 0
        again = "The same command goes on from there." if path != Path("-") else "What is stored is not stored twice."
        raise Stopped(f"Stopped: {imported} of this run are stored and stay. {again}") from None


@contextmanager
def _progress(path: Path, last: list[ImportReport]) -> Iterator[Progress]:
    """Show a bar on a terminal; everywhere else only the place is kept."""
    if state.quiet or not sys.stderr.isatty():
        yield last.append
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from mnemon.doors.cli.output import errors_console, one_line

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[done]:,} utterances, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors_console(), transient=True) as bars:
        task = bars.add_task(one_line(path.name), total=None, done=0, rate=0.0)

        def on_progress(report: ImportReport) -> None:
            last[:] = [report]
            records = report.imported + report.skipped
            bars.update(task, total=report.total_bytes, completed=report.bytes_read, done=records, rate=report.rate)

        yield on_progress


def _index(opened: OpenedMemory, reports: list[ImportReport]) -> None:
    """Index what was written before the process ends, unless the settings leave that to somebody else."""
    from mnemon.doors.cli.errors import Stopped
    from mnemon.doors.cli.indexing import index

    if not opened.memory.settings.auto_maintenance or not any(report.imported for report in reports):
        return
    try:
        index(opened)
    except KeyboardInterrupt:
        raise Stopped("Everything is imported. `mnemon maintain` finishes the index.") from None


def _emit(report: ImportReport) -> None:
    from dataclasses import asdict

    from mnemon.doors.cli.output import emit

    emit({**asdict(report), "rate": round(report.rate, 1)})


def _summary(reports: list[ImportReport]) -> None:
    from rich.text import Text

    from mnemon.doors.cli.lists import empty_table
    from mnemon.doors.cli.output import console, one_line

    _problems(reports)
    table = empty_table("file", "format")
    for name in ("imported", "already there", "broken", "seconds", "per second"):
        table.add_column(name, justify="right")
    for report in reports:
        table.add_row(
            Text(one_line(Path(report.path).name)),
            report.format,
            f"{report.imported:,}",
            f"{report.skipped + report.resumed_after:,}",
            f"{report.broken:,}",
            f"{report.seconds:.1f}",
            f"{report.rate:,.0f}" if report.imported else "-",
        )
    console().print(table)


def _problems(reports: list[ImportReport]) -> None:
    from rich.text import Text

    from mnemon.doors.cli.output import errors_console, one_line

    screen = errors_console()
    shown = [broken for report in reports for broken in report.problems][:_SHOWN]
    for broken in shown:
        file = broken.position.file
        if broken.position.line is not None:
            file += f":{broken.position.line}"
        # A reason may begin with its place as well.
        reason = one_line(broken.reason).removeprefix(f"line {broken.position.line}: ")
        line = Text.assemble((one_line(file), "yellow"), f"  {reason}")
        if broken.excerpt:
            line.append(f"  {one_line(broken.excerpt)}", style="dim")
        screen.print(line, soft_wrap=True)
    unshown = sum(report.broken for report in reports) - len(shown)
    if unshown > 0:
        screen.print(f"and {unshown} more that could not be read", style="yellow")
