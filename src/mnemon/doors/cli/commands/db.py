"""db: the schema, brought forward, taken back, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli.database import describe, owner
from mnemon.doors.cli.state import run, settings, state

if TYPE_CHECKING:
    from mnemon.core.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The database schema: upgrade, downgrade, check.")

_LOGIN = """\
The application connects as a role of its own, which owns nothing, and workers as another, which alone may do what goes
across organisations. An administrator makes both:

  CREATE ROLE my_app LOGIN PASSWORD '...' IN ROLE mnemon_app;
  CREATE ROLE my_worker LOGIN PASSWORD '...' IN ROLE mnemon_worker;
  ALTER ROLE my_app CONNECTION LIMIT 80;
  ALTER ROLE my_app SET statement_timeout = '60s';
  ALTER ROLE my_app SET lock_timeout = '30s';
  ALTER ROLE my_app SET idle_in_transaction_session_timeout = '300s';

and Mnemon is told in its environment, the second line that of `mnemon worker` only:

  DATABASE_URL=postgresql://my_app:...@host/database
  DATABASE_WORKER_URL=postgresql://my_worker:...@host/database"""


_KEY = """\
A new installation key. Every process of Mnemon proves itself with it; keep it where you keep passwords, it is not shown
again:

  MNEMON_INSTALLATION_KEY={}"""


@app.command()
def upgrade(
    revision: Annotated[str, typer.Option(metavar="REVISION", help="How far.")] = "head",
) -> None:
    """Bring the schema to a revision: DATABASE_OWNER_URL, else DATABASE_URL, else the embedded server."""
    from mnemon.doors.cli.output import emit, working

    configured = settings()
    with working("Migrating"), owner(configured, fresh=True) as (url, own):
        from mnemon.app import installation_key
        from mnemon.core.installation import InstallationKey
        from mnemon.db.address import EMBEDDED
        from mnemon.migrations import runner

        setting = own or EMBEDDED
        key = InstallationKey.of(configured) if own else installation_key(configured)
        new_key = None if key is not None or run(runner.has_key(url, setting=setting)) else InstallationKey.new()
        reached = run(
            runner.upgrade(
                url,
                revision=revision,
                dimensions=_dimensions(configured),
                vector_index=configured.vector_index,
                installation=key or new_key,
                setting=setting,
            )
        )
        if not own:
            run(runner.let_log_in(url, setting=setting))
    if state.json:
        emit({"revision": reached} | ({"installation_key": new_key.text()} if new_key else {}))
        return
    if not state.quiet:
        typer.echo(f"The database is at revision {reached}.")
        if own:
            typer.echo(_LOGIN)
    if new_key is not None:  # also when quiet: it is shown this once
        typer.echo(_KEY.format(new_key.text()))


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="How far; base is nothing.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take the schema back to a revision; what newer tables and columns hold is lost."""
    from mnemon.doors.cli.output import emit, is_terminal, working

    configured = settings()
    if not yes:
        if not is_terminal():
            raise Invalid(
                "Downgrading deletes data, and there is no terminal to ask on.",
                code="invalid.unconfirmed",
                hint="Make a backup, then add --yes.",
            )
        if not typer.confirm(f"Take the schema back to {revision}? What newer tables and columns hold is lost."):
            raise typer.Exit(1)
    with working("Migrating"), owner(configured) as (url, own):
        from mnemon.db.address import EMBEDDED
        from mnemon.migrations import runner

        reached = run(runner.downgrade(url, revision=revision, setting=own or EMBEDDED))
    if state.json:
        emit({"revision": reached})
    elif not state.quiet:
        typer.echo(f"The database is at revision {reached}.")


@app.command()
def check() -> None:
    """Compare the database with this version of Mnemon; exit code 1 when something differs."""
    from mnemon.doors.cli.output import emit, working

    configured = settings()
    with working("Comparing"), owner(configured) as (url, own):
        from mnemon.db.address import EMBEDDED
        from mnemon.migrations import runner

        comparison = run(runner.check(url, setting=own or EMBEDDED))
    if state.json:
        emit(
            {
                "ok": comparison.ok,
                "revision": comparison.revision,
                "head": comparison.head,
                "differences": comparison.differences,
                "stale_objects": comparison.stale_objects,
            }
        )
    else:
        for line in describe(comparison.revision, comparison.head, comparison.differences, comparison.stale_objects):
            typer.echo(line)
    if not comparison.ok:
        raise typer.Exit(1)


def _dimensions(wanted: Settings) -> int:
    """Return the width that the embedding columns get when they are made."""
    from mnemon.ai.registry import configured_embedder

    return configured_embedder(wanted).dimensions
