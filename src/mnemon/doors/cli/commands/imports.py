"""import: files of conversations into the memory, with how far it has come."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.core.errors import Invalid, NotFound
from mnemon.doors.cli.commands.formats import list_formats
from mnemon.doors.cli.filters import Language
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
    speakers: Annotated[
        list[str] | None,
        typer.Option("--speaker", metavar="NAME=USER", help="A speaker who is a user of yours; repeatable."),
    ] = None,
    language: Language = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first record that cannot be read.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Read from the beginning; nothing is stored twice.")
    ] = False,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=KEY", help="Which key holds what, such as text=body; repeatable."),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Of times that name none, such as Europe/Oslo."),
    ] = None,
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
        "speakers": _speakers(speakers),
        "language": language,
        "stop_on_broken": strict,
        "restart": restart,
        "columns": _columns(column or []),
        "timezone": timezone,
    }
    _import(files, options)


def _import(files: list[Path], options: dict[str, Any]) -> None:
    from mnemon.doors.cli.errors import report as tell

    reports: list[ImportReport] = []
    refused: list[int] = []
    with session() as opened:
        for path in files:
            try:
                reports.append(_one(opened, path, options))
            except (Invalid, NotFound) as error:
                if len(files) == 1 or options["stop_on_broken"]:
                    raise
                refused.append(tell(error))  # the others are imported all the same
                continue
            if state.json:
                _emit(reports[-1])
        _index(opened, reports)
    if not state.json:
        _problems(reports)
        if not state.quiet:
            _beside(reports)
        _not_imported(reports)
    if reports and not state.json and not state.quiet:
        _summary(reports)
    if refused:
        raise typer.Exit(refused[0])
    if any(report.failed for report in reports):
        raise typer.Exit(1)


def _columns(given: list[str]) -> dict[str, str] | None:
    """Return what --column says, by field."""
    pairs = [entry.partition("=") for entry in given]
    for entry, (name, _, key) in zip(given, pairs, strict=True):
        if not name or not key:
            raise Invalid(
                f"`--column {entry}` does not say which key holds what.",
                code="invalid.import.columns",
                hint="Such as: --column text=body",
                field="columns",
            )
    return {name: key for name, _, key in pairs} or None


def _speakers(given: list[str] | None) -> dict[str, str]:
    users: dict[str, str] = {}
    for pair in given or ():
        name, equals, user = pair.partition("=")
        if not equals:
            raise Invalid(
                f"--speaker: {pair[:60]!r} is not NAME=USER.",
                code="invalid.speaker",
                hint="Such as --speaker Rosa=rosa@example.org: the name in the file, and the user.",
                field="speaker",
            )
        users[name] = user
    return users


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
    from mnemon.doors.cli.output import emit

    told = {"rate": round(report.rate, 1), "read_nothing": report.read_nothing, "failed": len(report.failed)}
    emit({**asdict(report), **told})


def _summary(reports: list[ImportReport]) -> None:
    from rich.text import Text

    from mnemon.doors.cli.lists import empty_table
    from mnemon.doors.cli.output import console, one_line

    table = empty_table("file", "format")
    for name in ("imported", "already there", "broken", "seconds", "per second"):
        table.add_column(name, justify="right")
    rows = [entry for report in reports for entry in ([*report.files, report] if report.files else [report])]
    for report in rows:
        table.add_row(
            Text(one_line(Path(report.path).name)),
            report.format,
            f"{report.imported:,}",
            f"{report.skipped + report.resumed_after - report.broken_before:,}",
            f"{report.broken + report.broken_before:,}",
            f"{report.seconds:.1f}",
            f"{report.rate:,.0f}" if report.imported else "-",
        )
    console().print(table)


def _beside(reports: list[ImportReport]) -> None:
    """Say what was left out and what has no date, by file, and what an archive has beside its texts."""
    from rich.text import Text

    from mnemon.doors.cli.output import errors_console, one_line

    screen = errors_console()
    for report in reports:
        for entry in [*report.files, _own(report)]:
            name = Path(entry.path).name
            for reason, count in sorted(entry.left_out.items(), key=lambda pair: (-pair[1], pair[0])):
                screen.print(Text(one_line(f"{name}: left out: {count:,} x {reason}"), "dim"), soft_wrap=True)
            if entry.undated:
                sentence = f"{name}: {entry.undated:,} without a date: they have the time of the import"
                screen.print(Text(one_line(sentence), "dim"), soft_wrap=True)


def _own(report: ImportReport) -> ImportReport:
    """Return what of a report is in none of its files' reports."""
    left_out = Counter(report.left_out)
    for one in report.files:
        left_out.subtract(one.left_out)
    return replace(report, left_out=dict(+left_out), undated=0 if report.files else report.undated)


def _not_imported(reports: list[ImportReport]) -> None:
    """Say which files of a folder are in no known form, and which failed; also where little is to be said."""
    from rich.text import Text

    from mnemon.doors.cli.output import errors_console, one_line

    screen = errors_console()
    for report in reports:
        for path, why in report.unknown:
            screen.print(Text(one_line(f"not imported: {path}: {why}"), "yellow"), soft_wrap=True)
        for entry in report.files:
            if entry.error is not None:
                screen.print(Text(one_line(f"failed: {entry.path}: {entry.error}"), "red"), soft_wrap=True)


def _problems(reports: list[ImportReport]) -> None:
    from rich.text import Text

    from mnemon.doors.cli.output import errors_console, one_line

    screen = errors_console()
    reports = [entry for report in reports for entry in (report.files or [report])]
    for report in reports:
        if report.read_nothing:
            screen.print(Text(one_line(_nothing(report)), "red"), soft_wrap=True)
    # Of a file of which nothing could be read one reason is enough.
    reports = [report for report in reports if not report.read_nothing]
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


def _nothing(report: ImportReport) -> str:
    """Say of a file, of which nothing could be read, why not and what is in it, in one line."""
    first = report.problems[0] if report.problems else None
    reason = first.reason.removeprefix(f"line {first.position.line}: ") if first else "see the first import of it"
    told = f"{Path(report.path).name}: none of its {report.broken:,} records could be read; the first: {reason}."
    if report.keys:
        told += f" It has the keys {', '.join(report.keys)}: --column text={report.keys[0]} names what holds the text."
    return told
