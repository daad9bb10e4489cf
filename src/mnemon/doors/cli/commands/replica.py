"""ops replica: read replicas of the embedded server, or of the server that DATABASE_OWNER_URL leads to."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli.state import run, settings, state

if TYPE_CHECKING:
    from mnemon.core.settings import Settings
    from mnemon.installation.replicas import ReplicaStatus

app = typer.Typer(
    no_args_is_help=True, help="Replicas that serve reads: add, list, start, stop, remove, promote (docs/replicas.md)."
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The replica's name.", show_default=False)]


@app.callback()
def replica() -> None:
    """Replicas that serve reads: add, list, start, stop, remove, promote (docs/replicas.md)."""


@app.command()
def add(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="A name for each new replica.", show_default=False)
    ],
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir", metavar="DIR", help="Gets a directory for each; default: beside the primary's.", file_okay=False
        ),
    ] = None,
    synchronous: Annotated[
        bool,
        typer.Option("--synchronous", help="Commits wait until one of the synchronous ones has them on its disk."),
    ] = False,
    programs: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="PostgreSQL's programs, for a server of your own.", file_okay=False),
    ] = None,
) -> None:
    """Copy the primary once for each name; copies of the embedded server are started and serve reads at once."""
    from mnemon.doors.cli.output import emit, working
    from mnemon.installation import replicas

    configured = settings()
    if _is_own(configured):
        _add_own(configured, names, directory, programs, synchronous=synchronous)
        return
    where = directory.expanduser().absolute() if directory else None
    with working("Copying the primary"):
        from mnemon.app import start_embedded

        with run(start_embedded(configured)):  # with the database in it, also where this is the first command of all
            added = run(replicas.add(configured, _place(configured), names, place=where, synchronous=synchronous))
    if state.json:
        emit([_record(replica) for replica in added])
    elif not state.quiet:
        for replica in added:
            typer.echo(f"{replica.name} follows the primary, with its data in {replica.directory}.")
        typer.echo("Processes that open the database from now on read there too.")


def _add_own(
    wanted: Settings, names: list[str], directory: Path | None, programs: Path | None, *, synchronous: bool
) -> None:
    from mnemon.doors.cli.output import emit, working
    from mnemon.installation import replicas

    if directory is None:
        raise Invalid("Say where the copy goes.", code="invalid.replica_directory", hint="--dir DIR", field="dir")
    if synchronous:
        raise Invalid(
            "What commits wait for is set on a server of your own by whoever runs it.",
            code="invalid.synchronous",
            hint="When the replica runs: ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (name, ...)' on the "
            "primary, and SELECT pg_reload_conf().",
            field="synchronous",
        )
    added = []
    for name in names:
        target = directory.expanduser().absolute() / name
        with working(f"Copying the primary to {target}"):
            used = run(replicas.add_own(wanted, name, target, programs=programs))
        added.append({"name": name, "directory": target, "programs": used})
    if state.json:
        emit(added)
        return
    if state.quiet:
        return
    for replica in added:
        typer.echo(f"The copy is in {replica['directory']}. Start it as the user who owns it, at a free port")
        typer.echo("(PostgreSQL does not run as root: chown -R the directory to its user first, if root made it):")
        pg_ctl = shlex.join([str(Path(str(replica["programs"])) / "pg_ctl"), "-D", str(replica["directory"])])
        typer.echo(f"  {pg_ctl} -o '-p 5433' -l replica.log start")
    typer.echo("Then add its address, as the application role, to DATABASE_REPLICA_URLS (commas between several).")


@app.command("list")
def list_replicas() -> None:
    """Show the replicas: what they do, how far behind they are, whether reads go there."""
    from mnemon.doors.cli.lists import show_lines
    from mnemon.doors.cli.output import working
    from mnemon.installation import replicas

    configured = settings()
    with working("Looking at the replicas"):
        if _is_own(configured):
            listed = run(replicas.list_own(configured))
        else:
            listed = run(replicas.list_replicas(configured, _place(configured)))
    nothing = "No replicas: the primary serves every read."
    show_lines([_status(replica) for replica in listed], listed, _line, nothing=nothing)


@app.command()
def start(name: Name) -> None:
    """Start a replica of the embedded server that was stopped; it catches up by itself."""
    from mnemon.doors.cli.output import emit, say, working
    from mnemon.installation import replicas

    configured = _embedded()
    with working("Starting the replica"):
        record = run(replicas.start(configured, _place(configured), name))
    if state.json:
        emit(_record(record))
    else:
        say(f"{name} runs.")


@app.command()
def stop(name: Name) -> None:
    """Stop a replica of the embedded server until it is started again."""
    from mnemon.doors.cli.output import emit, say, working
    from mnemon.installation import replicas

    configured = _embedded()
    with working("Stopping the replica"):
        was = run(replicas.stop(configured, _place(configured), name))
    if state.json:
        emit({"name": name, "stopped": was})
    else:
        say("Stopped." if was else f"{name} did not run.")


@app.command()
def remove(name: Name) -> None:
    """Remove a replica: its server and its data; of a server of your own, what the primary keeps for it."""
    from mnemon.doors.cli.output import emit, say, working
    from mnemon.installation import replicas

    configured = settings()
    own = _is_own(configured)
    with working("Removing the replica"):
        if own:
            run(replicas.remove_own(configured, name))
        else:
            run(replicas.remove(configured, _place(configured), name))
    if state.json:
        emit({"name": name, "removed": True})
    else:
        say("The primary keeps nothing for it any more; remove its directory yourself." if own else f"{name} is gone.")


@app.command()
def promote(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Else the one that has received the most.")
    ] = None,
    switch: Annotated[bool, typer.Option("--switch", help="The primary runs: stop it first; nothing is lost.")] = False,
) -> None:
    """Make a replica of the embedded server the primary; the others follow it."""
    from mnemon.doors.cli.output import emit, working
    from mnemon.installation import replicas

    configured = _embedded()
    with working("Promoting"):
        promotion = run(replicas.promote(configured, _place(configured), name, switch=switch))
    if state.json:
        emit(
            {
                "name": promotion.name,
                "data_dir": promotion.directory,
                "following": list(promotion.following),
                "left": list(promotion.left),
            }
        )
        return
    if state.quiet:
        return
    typer.echo(f"{promotion.name} is the primary now. From now on every process needs:")
    typer.echo(f"  export MNEMON_DATA_DIR={shlex.quote(str(promotion.directory))}")
    if promotion.following:
        typer.echo(f"Following it: {', '.join(promotion.following)}.")
    if promotion.left:
        typer.echo(f"Not following, to be added anew: {', '.join(promotion.left)}.")


def _is_own(wanted: Settings) -> bool:
    return wanted.database_url is not None or wanted.database_owner_url is not None


def _embedded() -> Settings:
    wanted = settings()
    if _is_own(wanted):
        raise Invalid(
            "DATABASE_URL leads to a server of your own: it is started, stopped and promoted by whoever runs it.",
            code="invalid.not_embedded",
            hint="SELECT pg_promote() on the replica, then change DATABASE_URL. --data-dir means an embedded server.",
            field="database_url",
        )
    return wanted


def _place(wanted: Settings) -> Path:
    from mnemon.doors.cli.database import place

    return place(wanted)


def _record(record: Any) -> dict[str, Any]:
    return {"name": record.name, "directory": record.directory, "synchronous": record.synchronous}


def _status(one: ReplicaStatus) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(one)


def _line(one: ReplicaStatus) -> str:
    parts = [f"{one.name:<16}", f"{one.state:<12}", "reads" if one.serving else "no reads"]
    if one.lag is not None:
        parts.append(f"lag {one.lag:.3f} s")
    if one.behind_bytes is not None:
        parts.append(f"{one.behind_bytes:,} bytes behind")
    if one.synchronous:
        parts.append("synchronous")
    if one.reason is not None and not one.serving:
        parts.append(one.reason)
    if one.directory is not None:
        parts.append(str(one.directory))
    return "  ".join(parts)
