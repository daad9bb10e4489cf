"""The Typer application: its commands and the options that hold for all of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from mnemon.doors.cli.commands import (
    audit,
    backup,
    db,
    doctor,
    erase,
    export,
    find,
    imports,
    keep,
    mcp,
    ops,
    read,
    serve,
    server,
    tour,
    uses,
    worker,
)
from mnemon.doors.cli.commands.formats import ImportCommand
from mnemon.doors.cli.state import state

ANYWHERE = (
    "-o, --data-dir, --env-file, --json, --quiet, --no-color and --debug may be written before or after the command."
)

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Begin": {"tour": tour.tour, "import": imports.import_files},
    "Memory": {
        "remember": keep.remember,
        "recall": find.recall,
        "search": find.search,
        "list": read.list_items,
        "get": read.get,
        "read": read.read,
        "history": read.history,
        "update": keep.update,
        "forget": keep.forget,
        "rate": keep.rate,
        "note-use": uses.note_use,
        "usage": uses.usage,
        "erase": erase.erase,
    },
    "The database": {
        "up": server.up,
        "down": server.down,
        "encrypt": server.encrypt,
        "status": server.status,
        "maintain": keep.maintain,
        "serve": serve.serve,
        "worker": worker.worker,
        "mcp": mcp.mcp,
        "doctor": doctor.doctor,
    },
}


#: Commands whose help has something in it that is not known before it is shown.
_CLASSES: dict[str, type[TyperCommand]] = {"import": ImportCommand}


def application() -> typer.Typer:
    """Return the whole application."""
    app = typer.Typer(
        name="mnemon",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings=_SETTINGS,
        epilog=ANYWHERE,
    )
    app.callback(no_args_is_help=True)(_options)
    for panel, commands in _COMMANDS.items():
        for name, function in commands.items():
            kind = _CLASSES.get(name)
            app.command(name, cls=kind, rich_help_panel=panel, epilog=ANYWHERE, context_settings=_SETTINGS)(function)
    app.add_typer(db.app, name="db", rich_help_panel="The database")
    app.add_typer(backup.app, name="backup", rich_help_panel="The database")
    app.add_typer(audit.app, name="audit", rich_help_panel="The database")
    app.add_typer(worker.app, name="jobs", rich_help_panel="The database")
    app.add_typer(export.app, name="organization", rich_help_panel="The database")
    app.add_typer(ops.app, name="ops", rich_help_panel="The database")
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from mnemon._version import __version__

        typer.echo(f"mnemon {__version__}")
        raise typer.Exit


def _options(
    organization: Annotated[
        str | None,
        typer.Option("--organization", "-o", metavar="SLUG", help="Whose memory; instead of MNEMON_ORGANIZATION."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="The embedded server's data, even if DATABASE_URL is set."),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file", metavar="FILE", help="A file of settings, yours alone to write; MNEMON_ENV_FILE too."
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="JSON instead of tables; errors too, on standard error.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but data and errors.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR in the environment too.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from; MNEMON_DEBUG too.")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """The memory of AI agents and the people they work with, kept in one PostgreSQL."""
    state.organization = organization
    state.data_dir = data_dir.expanduser() if data_dir else None
    state.env_file = env_file.expanduser() if env_file else None
    state.json = json
    state.quiet = quiet
    state.debug = debug or os.environ.get("MNEMON_DEBUG", "").lower() not in {"", "0", "false", "no"}
    if no_color:
        os.environ["NO_COLOR"] = "1"
