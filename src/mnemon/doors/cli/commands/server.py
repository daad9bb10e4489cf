"""up, down, encrypt and status: the embedded server."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.core.errors import Conflict
from mnemon.doors.cli.database import inspect, place
from mnemon.doors.cli.state import run, settings, state

if TYPE_CHECKING:
    from mnemon.core.settings import Settings
    from mnemon.db.embedded import Endpoint, KeySource, Status
    from mnemon.db.startup import Facts


def psql(endpoint: Endpoint) -> str:
    """Return a command line that works: the psql of the same version, as the administrator."""
    from mnemon.app import ADMIN_ROLE, DATABASE
    from mnemon.db import embedded

    program = embedded.binaries(endpoint.version) / "psql"
    return shlex.join(
        [str(program), "-h", str(endpoint.socket_dir), "-p", str(endpoint.port), "-U", ADMIN_ROLE, DATABASE]
    )


_NewKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Make a key in this new file; else the settings say where one is.", dir_okay=False
    ),
]


def up(
    encrypted: Annotated[
        bool, typer.Option("--encrypted", help="Make a new data directory an encrypted one (gocryptfs, AES-256-GCM).")
    ] = False,
    new_key: _NewKey = None,
) -> None:
    """Start the embedded PostgreSQL, bring it to the newest schema, and let it run in the background."""
    from mnemon.doors.cli.output import emit, working

    configured = settings()
    if new_key is not None and not encrypted:
        raise typer.BadParameter("belongs to --encrypted", param_hint="--new-key")
    with working("Starting PostgreSQL"):
        from mnemon.app import start_embedded
        from mnemon.db import embedded
        from mnemon.installation import replicas

        if encrypted:
            with _key(configured, new_key) as key:
                embedded.make_encrypted(place(configured), key)
            configured = _with_key(configured, new_key)
        lease = run(start_embedded(configured))
        try:
            embedded.keep(lease.endpoint.data_dir)
            replicas.start_all(lease.endpoint.data_dir, lease.endpoint.version)
            server = embedded.status(lease.endpoint.data_dir)
            command = psql(lease.endpoint)
        finally:
            lease.close()
    if state.json:
        emit({**_status_data(server), "psql": command})
        return
    if state.quiet:
        return
    typer.echo(f"PostgreSQL {server.version} runs with its data in {server.data_dir}, until `mnemon down`.")
    if server.encrypted:
        typer.echo("It is encrypted on disk.")
    _remind(new_key)
    typer.echo(command)
    if configured.database_url is not None:
        typer.echo(
            "DATABASE_URL is set: the other commands use that database, not this one, unless --data-dir is given."
        )


def encrypt(new_key: _NewKey = None) -> None:
    """Encrypt the data of the embedded PostgreSQL, which does not run: copy, compare, remove the plain files."""
    from mnemon.db import embedded
    from mnemon.doors.cli.output import emit, working

    configured = settings()
    _refuse_replicas(place(configured))
    with working("Encrypting"), _key(configured, new_key) as key:
        encrypted = embedded.encrypt(place(configured), key)
    if state.json:
        emit({"data_dir": encrypted.data_dir, "cipher": encrypted.cipher, "moved_bytes": encrypted.moved_bytes})
    elif not state.quiet:
        typer.echo(
            f"Encrypted: {encrypted.moved_bytes / 1e6:,.1f} MB of {encrypted.data_dir} are in {encrypted.cipher} now."
        )
        _remind(new_key)
        typer.echo("The plain files were removed; what a disk or its snapshots still hold of them is theirs.")


def _refuse_replicas(directory: Path) -> None:
    from mnemon.installation.replicas import registry

    names = [one.name for one in registry.load(directory).replicas]
    if names:
        raise Conflict(
            f"{directory} has replicas, whose copies would stay as they are: {', '.join(names)}.",
            code="conflict.replicas",
            hint="Remove them first: mnemon ops replica remove NAME.",
        )


@contextmanager
def _key(wanted: Settings, new_key: Path | None) -> Iterator[KeySource]:
    """Find the key. A new one goes again if nothing was encrypted with it."""
    from mnemon.db import embedded

    if new_key is None:
        yield embedded.KeySource.of(wanted)
        return
    if embedded.status(place(wanted)).encrypted:
        raise Conflict(
            f"{place(wanted)} is encrypted already, with another key.",
            code="conflict.encrypted_already",
            hint="Leave --new-key out, and set MNEMON_ENCRYPTION_KEY_FILE to the file of its key.",
        )
    path = new_key.expanduser().absolute()
    source = embedded.new_key_file(path)
    try:
        yield source
    finally:
        if not embedded.status(place(wanted)).encrypted:
            path.unlink()


def _with_key(wanted: Settings, new_key: Path | None) -> Settings:
    if new_key is None:
        return wanted
    others = {"encryption_key": None, "encryption_key_command": None}
    return wanted.model_copy(update={"encryption_key_file": new_key.expanduser().absolute(), **others})


def _remind(new_key: Path | None) -> None:
    if new_key is not None:
        path = new_key.expanduser().absolute()
        typer.echo(f"The key is in {path} (mode 0600). Keep a copy elsewhere: without it nobody reads the data again.")
        typer.echo(f"From now on every command needs: export MNEMON_ENCRYPTION_KEY_FILE={shlex.quote(str(path))}")


def down() -> None:
    """Stop the embedded PostgreSQL; nothing committed is lost."""
    from mnemon.db import embedded
    from mnemon.doors.cli.output import emit, working
    from mnemon.installation import replicas

    directory = place(settings())
    with working("Stopping PostgreSQL"):
        was = embedded.stop(directory)
        replicas.stop_all(directory)
    if state.json:
        emit({"stopped": was, "data_dir": directory})
    elif not state.quiet:
        typer.echo("Stopped." if was else f"No server was running on {directory}.")


def status() -> None:
    """Show the embedded PostgreSQL, or the database of DATABASE_URL; starts nothing."""
    from mnemon.doors.cli.output import emit

    configured = settings()
    data: dict[str, Any]
    if configured.database_url is not None:
        data = {
            "database": "DATABASE_URL",
            **_facts_data(run(inspect(configured.database_url.get_secret_value(), configured))),
        }
    else:
        from mnemon.db import embedded

        server = embedded.status(place(configured))
        data = {"database": "embedded", **_status_data(server)}
        if server.endpoint is not None:
            data |= {"revision": run(_revision(server.endpoint, configured)), "psql": psql(server.endpoint)}
    if state.json:
        emit(data)
        return
    width = max(map(len, data))
    for name, value in data.items():
        typer.echo(f"{name.replace('_', ' '):<{width}}  {_shown(name, value)}")


async def _revision(endpoint: Endpoint, wanted: Settings) -> str | None:
    """Return the schema's revision; None where the database is not made yet or does not answer."""
    from mnemon.app import ADMIN_ROLE, DATABASE
    from mnemon.core.errors import MnemonError

    try:
        return (await inspect(endpoint.url(ADMIN_ROLE, DATABASE), wanted)).revision
    except MnemonError:
        return None


def _facts_data(facts: Facts) -> dict[str, Any]:
    return {
        "running": True,
        "version": facts.server_version // 10_000,
        "revision": facts.revision,
        "role": facts.role,
        "pgvector": facts.vector_version,
        "dimensions": facts.dimensions,
    }


def _status_data(found: Status) -> dict[str, Any]:
    return {
        "running": found.running,
        "phase": found.phase,
        "version": found.version,
        "data_dir": found.data_dir,
        "encrypted": found.encrypted,
        "size_bytes": found.size_bytes,
        "pid": found.postmaster_pid,
        "supervisor_pid": found.supervisor_pid,
        "started_at": found.started_at,
        "kept": found.kept,
        "clients": list(found.clients) if found.clients is not None else None,
        "error": found.error,
    }


def _shown(name: str, value: Any) -> str:
    from datetime import datetime

    from mnemon.doors.cli.times import day_and_time

    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return day_and_time(value)
    if name == "size_bytes":  # of the data directory
        return f"{value / 1_000_000:,.1f} MB"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
