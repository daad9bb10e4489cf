"""backup: full and incremental, the archive of the WAL, verification, retention, and restores to any moment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mnemon.doors.cli.session import session
from mnemon.doors.cli.state import run, settings, state

if TYPE_CHECKING:
    from mnemon.core.settings import Settings
    from mnemon.installation.backup import BackupListing, Pulled, Restored

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    help="Encrypted backups: enable, full, incremental, wal, list, verify, restore, unpack, mark, prune, disable.",
)

Moment = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="MOMENT",
        help="latest; backup, its own end; a time with its zone; lsn:X/Y; xid:N; or the name of a mark.",
    ),
]

Into = Annotated[Path, typer.Option("--into", metavar="DIR", help="A new or empty directory.", file_okay=False)]
Begin = Annotated[
    str | None, typer.Option("--from", metavar="ID", help="The backup to begin with; else the newest that fits.")
]
Timeline = Annotated[
    int | None,
    typer.Option("--timeline", min=1, metavar="N", help="The timeline to follow; else that of the newest WAL."),
]


@app.callback()
def backup() -> None:
    """Encrypted backups and restores to any moment; MNEMON_BACKUP_DIR and a key have to be set."""


@app.command()
def enable() -> None:
    """Prepare the server: incremental backups, WAL held back until it is fetched; no restart is needed."""
    from mnemon.doors.cli.output import working
    from mnemon.installation import backup as backups

    with working("Preparing the server"):
        enabled = run(backups.enable(settings()))
    if _emitted(enabled):
        return
    for name, value in enabled.changed.items():
        _say(f"Set: {name} = {value}")
    _say(f"The slot {enabled.slot} holds back WAL until it is fetched. {_wal(enabled.wal)}")
    if enabled.todo:
        _say("An administrator runs:")
        for statement in enabled.todo:
            typer.echo(f"  {statement};")
    _say("Next: `mnemon backup full`. A worker with these settings goes on by itself.")


@app.command()
def disable() -> None:
    """Let the server remove its WAL again, as before the directory is given up; backups stay as they are."""
    from mnemon.doors.cli.output import working
    from mnemon.installation import backup as backups

    with working("Removing the slot"):
        slot = run(backups.disable(settings()))
    if not _emitted({"slot": slot}):
        _say(f"The slot {slot} is gone. `mnemon backup enable` makes it again.")


@app.command()
def full() -> None:
    """Take a full backup of the whole server."""
    _take("full")


@app.command()
def incremental() -> None:
    """Take what changed since the last backup (PostgreSQL 17+); a full one where that cannot be."""
    _take("incremental")


def _take(kind: Any) -> None:
    from mnemon.installation import backup as backups

    with _bar() as bar:

        def progress(done: int, total: int | None) -> None:
            bar(f"{done / 1e6:,.0f} MB", done / total if total else None)

        taken = _done(kind, lambda wanted: backups.take(wanted, kind, progress=progress))
    label = taken.backup
    if _emitted(taken):
        return
    if taken.note:
        _say(taken.note, "yellow")
    _say(
        f"{label.id}: {_size(label.data_bytes)}, {_size(label.stored_bytes)} stored, {taken.seconds:.1f} s. "
        + _wal(taken.wal)
    )


@app.command()
def wal() -> None:
    """Fetch the WAL up to now into the archive."""
    from mnemon.installation import backup as backups

    pulled = _done("wal", lambda wanted: backups.pull_wal(wanted), "Fetching WAL")
    if not _emitted(pulled):
        _say(_wal(pulled))


@app.command()
def mark(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, dots, hyphens, underscores.")],
) -> None:
    """Give the present moment a name that `restore --to NAME` goes to, as before a risky change."""
    from mnemon.doors.cli.output import working
    from mnemon.installation import backup as backups

    with working("Naming the moment"):
        position = run(backups.mark(settings(), name))
    if not _emitted({"name": name, "lsn": backups.show_lsn(position)}):
        _say(f"{name} is {backups.show_lsn(position)}, and in the archive.")


@app.command("list")
def list_backups() -> None:
    """List the backups, and how far the archive goes."""
    from mnemon.installation import backup as backups

    found = run(backups.listing(settings()))
    if not _emitted(found):
        _table(found)


@app.command()
def verify(
    backup: Annotated[
        str | None, typer.Option("--backup", metavar="ID", help="Only this one and what it builds on.")
    ] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Restore for practice: into a temporary directory, checked, removed.")
    ] = False,
    to: Moment = "latest",
    work: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the temporary directory is made.", file_okay=False)
    ] = None,
) -> None:
    """Read every byte: decrypt it, compare each file with PostgreSQL's manifest, look for gaps in the WAL."""
    from mnemon.installation import backup as backups

    if rehearse:
        with _bar() as bar:
            rehearsal = _done("rehearse", lambda wanted: backups.rehearse(wanted, to=to, work=work, step=bar))
        if not _emitted(rehearsal):
            _restored(rehearsal)
            _say("It was a rehearsal: the directory is gone.")
        return
    with _bar() as bar:
        verified = _done("verify", lambda wanted: backups.verify(wanted, backup=backup, step=bar))
    if not _emitted(verified):
        _say(
            f"{verified.backups} backups with {verified.files:,} files and {verified.segments} WAL segments: "
            f"{_size(verified.read_bytes)} read in {verified.seconds:.1f} s."
        )
        for problem in verified.problems:
            _say(problem, "red")
        for note in verified.notes:
            _say(f"Note: {note}.")
    try:
        backups.require_whole(verified)
    except Exception as error:
        _tell(settings(), "verify", error)
        raise


@app.command()
def restore(into: Into, to: Moment = "latest", begin: Begin = None, timeline: Timeline = None) -> None:
    """Bring the server back to a moment, in a new directory; the one that was backed up is left alone."""
    from mnemon.installation import backup as backups

    request = backups.RestoreRequest(into, to, begin, timeline)
    configured = settings()
    with _bar() as bar:
        restored = run(backups.restore(configured, request, step=bar))
    if _emitted(restored):
        return
    _restored(restored)
    if restored.embedded:
        _say(
            f"Look at it: MNEMON_DATA_DIR={restored.data_dir} mnemon list. "
            "It has no backups until `mnemon backup enable`."
        )
    else:
        _say(
            f"It is a data directory of PostgreSQL {restored.version}: start it as you start your own, and look at it."
        )


@app.command()
def unpack(into: Into, to: Moment = "latest", begin: Begin = None, timeline: Timeline = None) -> None:
    """Decrypt what a restore needs, for a version of PostgreSQL that Mnemon does not bring; prints the rest."""
    from mnemon.installation import backup as backups

    request = backups.RestoreRequest(into, to, begin, timeline)
    configured = settings()
    with _bar() as bar:
        unpacked = run(backups.unpack(configured, request, step=bar))
    if _emitted(unpacked):
        return
    _say(
        f"Decrypted into {unpacked.into}. With the programs of PostgreSQL {unpacked.version}, as the server's account:"
    )
    for command in unpacked.commands:
        typer.echo(f"  {command}")


@app.command()
def prune() -> None:
    """Remove backups older than MNEMON_BACKUP_DAYS, and WAL that no moment within MNEMON_BACKUP_WAL_DAYS needs."""
    from mnemon.installation import backup as backups

    gone = _done("prune", lambda wanted: backups.prune(wanted), "Removing what is past its days")
    if not _emitted(gone):
        for name in gone.backups:
            _say(f"Removed {name}")
        _say(f"{len(gone.backups)} backups and {gone.segments} WAL segments removed, {_size(gone.freed_bytes)} freed.")


# -- doing and telling --------------------------------------------------------------------------------------------


def _done(what: str, work: Callable[[Settings], Coroutine[Any, Any, T]], doing: str | None = None) -> T:
    """Do it; when it fails, tell whom it concerns, and fail."""
    from mnemon.doors.cli.output import working
    from mnemon.installation import backup as backups

    configured = settings()
    try:
        if doing is None:
            result = run(work(configured))
        else:
            with working(doing):
                result = run(work(configured))
    except backups.Busy:  # no failure: somebody else takes it
        raise
    except Exception as error:
        _tell(configured, what, error)
        raise
    run(backups.settled(configured, what))
    return result


def _tell(wanted: Settings, what: str, error: Exception) -> None:
    """Write into the error log where the database answers, and tell the program and address of the settings."""
    from mnemon.installation import backup as backups

    if wanted.backup_dir is None:  # nobody asked for backups: whoever sits here is told
        return

    async def tell(memory: Any) -> None:
        await backups.alert(wanted, what, error, await memory.open())

    try:
        with session(doing="Telling of the failure") as opened:
            opened.run(tell(opened.memory))
    except Exception:  # no database, for whatever reason: the first error is the one to be shown
        run(backups.alert(wanted, what, error))


@contextmanager
def _bar() -> Iterator[Callable[[str, float | None], None]]:
    """Show a bar on a terminal; called from whatever thread."""
    if state.quiet or not sys.stderr.isatty():
        yield lambda _what, _share: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from mnemon.doors.cli.output import errors_console

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors_console(), transient=True) as bars:
        task = bars.add_task("Starting", total=None)

        def show(what: str, share: float | None) -> None:
            bars.update(task, description=what, total=None if share is None else 1.0, completed=share or 0.0)

        yield show


def _emitted(data: Any) -> bool:
    """Write one document with --json; tell whether that was asked for."""
    from dataclasses import asdict, is_dataclass

    from mnemon.doors.cli.output import emit

    if state.json:
        emit(asdict(data) if is_dataclass(data) and not isinstance(data, type) else data)
    return state.json


def _say(text: str, style: str = "") -> None:
    from mnemon.doors.cli.output import say

    say(text, style)


def _size(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _wal(pulled: Pulled) -> str:
    """Return how far the archive goes, and what is missing in it."""
    text = f"The archive goes to {pulled.reach.at:%Y-%m-%d %H:%M:%S.%f} UTC."
    for gap in pulled.gaps:
        text += f" WAL is missing: {gap.first} to {gap.last}."
    return text


def _table(found: BackupListing) -> None:
    from mnemon.doors.cli.lists import empty_table
    from mnemon.doors.cli.output import console

    table = empty_table()
    for name in ("backup", "ended (UTC)", "PostgreSQL"):
        table.add_column(name, no_wrap=True)
    for name in ("data", "stored"):
        table.add_column(name, justify="right", no_wrap=True)
    for label in found.backups:
        table.add_row(
            label.id,
            f"{label.finished_at:%Y-%m-%d %H:%M:%S}",
            str(label.major),
            _size(label.data_bytes),
            _size(label.stored_bytes),
        )
    if found.backups:
        console().print(table)
    else:
        _say("There is no backup yet: `mnemon backup full` makes one.")
    for name, reason in found.problems.items():
        _say(f"{name} cannot be read: {reason}", "red")
    if found.reach is not None:
        _say(
            f"The archive has {found.segments} WAL segments ({_size(found.wal_bytes)}) and goes to "
            f"{found.reach.at:%Y-%m-%d %H:%M:%S.%f} UTC."
        )
    for gap in found.gaps:
        _say(f"WAL is missing: {gap.first} to {gap.last}, {gap.count} segments.", "red")
    if found.points:
        _say("Marks: " + ", ".join(found.points))


def _restored(done: Restored) -> None:
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in done.seconds.items())
    _say(
        f"Restored to {done.to}, from {' + '.join(done.chain)} and {done.segments} WAL segments, timeline "
        f"{done.timeline}."
    )
    _say(f"PostgreSQL: {done.stopped_at}")
    _say(f"{spent}.")
    rows = done.checks.get("rows")
    if rows:
        counted = ", ".join(f"{count:,} {table}" for table, count in rows.items() if count)
        _say(f"Checked: {counted or 'no rows'}; {done.checks['audit_trails']} audit trails whole.")
