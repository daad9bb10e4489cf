"""Replicas of a server of the user's own: copied by us, run by whoever runs servers there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from mnemon.core import trust
from mnemon.core.errors import Conflict, Invalid, MnemonError, Unavailable
from mnemon.core.settings import Settings, variable_of
from mnemon.db.address import Address, parse_address
from mnemon.db.embedded import binaries
from mnemon.db.engine import CATALOGUE_PATH
from mnemon.db.errors import translated
from mnemon.db.reach import reach
from mnemon.db.replicas import ReplicaState
from mnemon.installation.replicas import primary, registry
from mnemon.installation.replicas.addresses import addresses
from mnemon.installation.replicas.copying import copy_primary
from mnemon.installation.replicas.model import ReplicaStatus, slot_of
from mnemon.installation.replicas.status import followers_of, measure

_PROGRAM = "pg_basebackup"


async def add_own(settings: Settings, name: str, directory: Path, *, programs: Path | None = None) -> Path:
    """Copy the server of ``DATABASE_OWNER_URL`` into a directory, as a replica that follows it once it is started.

    Args:
        settings: the URL; its role needs the right to replicate.
        name: of the replica.
        directory: an empty one, or one to be made; it holds the role's password afterwards, as every replica's does.
        programs: PostgreSQL's, of the server's major version; default: those in PATH, else the embedded server's.

    Returns:
        The directory of the programs that were used, whose ``postgres`` can run the copy.

    Raises:
        Conflict: the directory is not empty.
        Forbidden: the role may not replicate.
        Unavailable: there is no program, or the copy failed.
    """
    registry.checked_name(name)
    address = _owner_url(settings)
    _refuse_full(directory)
    async with _owner(address) as connection:
        version = await connection.fetchval("SELECT current_setting('server_version_num')::int / 10000")
        program = _program(programs, version)
        if slot_of(name) in await primary.slots(connection):
            raise Conflict(
                f"The primary has a slot for a replica {name!r} already.",
                code="conflict.replica_exists",
                hint=f"Choose another name, or remove it first: mnemon ops replica remove {name}.",
            )
        # Where the role may not, `mnemon doctor` says that nothing bounds what an absent replica keeps on the disk.
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
            await primary.bound_slots(connection)
    _make(directory)
    environment = {**os.environ, "LC_ALL": "C"}  # what libpq is told there of certificates holds here as well
    if address.password:
        environment["PGPASSWORD"] = address.password
    try:
        await copy_primary(
            program,
            directory,
            # The server's version: what it says is written down for the copy, and is read by that one's own libpq.
            address.parts(version) | {"application_name": name},
            slot=slot_of(name),
            environment=environment,
        )
    except BaseException:
        with contextlib.suppress(MnemonError, asyncpg.PostgresError):
            async with _owner(address) as connection:
                await primary.drop_slot(connection, name)
        raise
    return program.parent


async def list_own(settings: Settings) -> list[ReplicaStatus]:
    """Return what is known of the replicas: by asking those of the settings, and the primary where we may.

    Raises:
        Unavailable: the primary cannot be reached.
    """
    seen: dict[str, ReplicaState] = {}
    if settings.database_url is not None:
        # Also where reads are not sent there just now.
        with_reads = settings.model_copy(update={"database_replica_reads": True})
        seen = await measure(settings, settings.database_url.get_secret_value(), addresses(with_reads, None, ""))
    if settings.database_owner_url is None:
        return await followers_of(None, seen)
    async with _owner(_owner_url(settings)) as connection:
        return await followers_of(connection, seen)


async def remove_own(settings: Settings, name: str) -> None:
    """Let the primary forget a replica: it keeps nothing for it any more. The copy itself is whoever's who runs it.

    Raises:
        Unavailable: the primary cannot be reached, or the replica still runs and comes back for its slot.
    """
    registry.checked_name(name)
    async with _owner(_owner_url(settings)) as connection:
        if slot_of(name) not in await primary.slots(connection):
            registry.ReplicaRegistry().find(name)
        await primary.drop_slot(connection, name)


def _refuse_full(directory: Path) -> None:
    if directory.exists() and any(directory.iterdir()):
        raise Conflict(
            f"{directory} is not empty.",
            code="conflict.replica_directory",
            hint="Nothing in it was touched. Choose another place with --dir.",
            path=str(directory),
        )


def _make(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)  # whatever was there: PostgreSQL refuses one that others may enter


def _owner_url(settings: Settings) -> Address:
    if settings.database_owner_url is None:
        raise Invalid(
            "A replica of a server of your own needs a role that may replicate.",
            code="invalid.no_owner_url",
            hint="Set DATABASE_OWNER_URL to a role with REPLICATION, or a superuser.",
            field="database_owner_url",
        )
    return parse_address(settings.database_owner_url.get_secret_value(), variable_of("database_owner_url"))


@asynccontextmanager
async def _owner(address: Address) -> AsyncIterator[Any]:
    with translated():
        connection = await reach(address, timeout=20, server_settings=CATALOGUE_PATH)
        try:
            yield connection
        finally:
            await connection.close()


def _program(programs: Path | None, version: int) -> Path:
    """Return ``pg_basebackup``: the one that was named, else that of PATH, else the embedded server's."""
    if programs is not None:
        program: Path | None = programs / _PROGRAM
    else:
        in_path = trust.find_program(_PROGRAM)
        program = Path(in_path) if in_path else None
        if program is None and version in {16, 18}:
            program = binaries(version) / _PROGRAM
    if program is None or not os.access(program, os.X_OK):
        raise Unavailable(
            "There is no pg_basebackup here.",
            code="unavailable.pg_basebackup",
            hint=f"Install the programs of PostgreSQL {version}, and name their directory with --programs.",
            version=version,
        )
    return program
