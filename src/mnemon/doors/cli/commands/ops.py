"""ops: what whoever runs the servers needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mnemon.doors.cli.commands import replica
from mnemon.doors.cli.state import settings, state

app = typer.Typer(no_args_is_help=True, help="For whoever runs the servers: pgbouncer, replica.")
app.add_typer(replica.app, name="replica")


@app.callback()
def ops() -> None:
    """For whoever runs the servers: pgbouncer, replica."""


@app.command()
def pgbouncer(
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="PostgreSQL's host; else that of DATABASE_URL.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="PORT", help="PostgreSQL's port; else that of DATABASE_URL.")
    ] = None,
    listen_host: Annotated[str, typer.Option(metavar="HOST", help="Where PgBouncer listens.")] = "127.0.0.1",
    listen_port: Annotated[int, typer.Option(min=1, max=65535, metavar="PORT", help="And at which port.")] = 6432,
    pool_size: Annotated[
        int,
        typer.Option(
            min=1, max=1000, metavar="N", help="Connections to PostgreSQL, for all clients of a login together."
        ),
    ] = 20,
    max_clients: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="Clients that may be connected at a time.")
    ] = 1000,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where pgbouncer.ini and userlist.txt go.", file_okay=False)
    ] = Path("pgbouncer"),
) -> None:
    """Write PgBouncer's configuration, in transaction mode, for DATABASE_URL and, if it is set, DATABASE_WORKER_URL."""
    from mnemon.doors.cli.output import emit
    from mnemon.installation import pgbouncer as configuration

    out = out.expanduser().absolute()
    pooler = configuration.pooler_for(
        settings(),
        host=host,
        port=port,
        listen_host=listen_host,
        listen_port=listen_port,
        pool_size=pool_size,
        max_clients=max_clients,
        auth_file=str(out / "userlist.txt"),
    )
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(out / "pgbouncer.ini", configuration.pgbouncer_ini(pooler))
    _write(out / "userlist.txt", configuration.userlist(pooler))
    if state.json:
        emit({"ini": out / "pgbouncer.ini", "userlist": out / "userlist.txt", "listen": [listen_host, listen_port]})
    elif not state.quiet:
        typer.echo(f"Written: {out / 'pgbouncer.ini'} and userlist.txt, which holds passwords (mode 0600).")
        typer.echo("Start PgBouncer as a user that is not root and can read them: pgbouncer -d pgbouncer.ini")
        typer.echo("Then Mnemon's environment has DATABASE_POOLER=transaction and, with its password,")
        logins = {"DATABASE_URL": pooler.role} | ({"DATABASE_WORKER_URL": pooler.worker} if pooler.worker else {})
        for name, role in logins.items():
            typer.echo(f"  {name}=postgresql://{role}:...@{listen_host}:{listen_port}/{pooler.database}")


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, from its first byte on; an older one is replaced whole."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
