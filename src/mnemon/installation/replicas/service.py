"""Replicas of the embedded server: add, list, start, stop, remove."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnemon.core.errors import Conflict, Invalid
from mnemon.core.settings import Settings
from mnemon.db import embedded
from mnemon.db.embedded import directory, install
from mnemon.db.embedded import state as states
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.cluster import server_environment
from mnemon.db.embedded.layout import PORT, Layout
from mnemon.installation.replicas import primary, registry
from mnemon.installation.replicas.addresses import endpoint, refuse_promoted
from mnemon.installation.replicas.copying import conninfo, copy_primary
from mnemon.installation.replicas.model import REPLICATION_ROLE, Record, ReplicaStatus
from mnemon.installation.replicas.running import run_replica
from mnemon.installation.replicas.status import status_of


async def add(
    settings: Settings, data_dir: Path, names: Sequence[str], *, place: Path | None = None, synchronous: bool = False
) -> list[Record]:
    """Copy the primary once for each name, and start the copies; the primary stays running from now on.

    Args:
        settings: the embedded server's version.
        data_dir: of the primary; it is started if it does not run.
        names: of the new replicas. One whose copy was interrupted is made again.
        place: the directory that gets a directory for each; default: beside the primary's.
        synchronous: commits on the primary then wait until one of the synchronous replicas has written them to disk.

    Raises:
        Conflict: there is a replica of a name, the directory is not empty, or the primary is encrypted or replaced.
        Invalid: a name or directory cannot be used.
        Unavailable: the primary or the replica does not start, or the copy failed.
    """
    for name in names:
        registry.checked_name(name)
    refuse_promoted(data_dir)
    added = []
    with await asyncio.to_thread(embedded.acquire, data_dir, version=settings.embedded_version) as lease:
        if Layout.of(data_dir).is_encrypted:
            raise Conflict(
                "The data directory is encrypted, and a replica's would not be.",
                code="conflict.encrypted",
                hint="Replicate a server of your own, with both directories on encrypted file systems.",
            )
        await asyncio.to_thread(embedded.keep, data_dir)
        async with registry.alone(data_dir), primary.administrator(lease.endpoint) as connection:
            await primary.prepare(connection)
            for name in names:
                where = place or data_dir.with_name(f"{data_dir.name}-replicas")
                record = Record(name, (where / name).absolute(), synchronous)
                added.append(await _add_one(data_dir, record, lease.endpoint, connection))
            await primary.wait_for(connection, [replica.name for replica in added])
            await synchronise(data_dir, connection)
    return added


async def _add_one(data_dir: Path, record: Record, source: embedded.Endpoint, connection: Any) -> Record:
    registered = registry.load(data_dir)
    old = next((other for other in registered.replicas if other.name == record.name), None)
    if old is not None and old.complete:
        raise Conflict(
            f"There is a replica {record.name!r} already.",
            code="conflict.replica_exists",
            hint="Choose another name, or remove it first.",
            name=record.name,
        )
    if old is not None:
        await _clear(old, connection)
    layout = Layout.of(record.directory)
    if not layout.is_empty():
        raise Conflict(
            f"{record.directory} is not empty.",
            code="conflict.replica_directory",
            hint="Nothing in it was touched. Choose another place with --dir.",
            path=str(record.directory),
        )
    await primary.drop_slot(connection, record.name)  # of a replica whose directory somebody removed
    with directory.explained(layout.data_dir):
        directory.prepare(layout, server_account())
        layout.control.rmdir()  # a copy wants an empty directory; the server makes it again
        registry.save(data_dir, registered.having(record))
        await _copy(layout, record, source)
    complete = replace(record, complete=True)
    await asyncio.to_thread(run_replica, complete, source.version)
    registry.save(data_dir, registry.load(data_dir).having(complete))
    return complete


async def _copy(layout: Layout, record: Record, source: embedded.Endpoint) -> None:
    account = server_account()
    programs = install.reachable_binaries(layout, embedded.binaries(source.version), account)
    await copy_primary(
        programs / "pg_basebackup",
        layout.data_dir,
        upstream(record, source),
        slot=record.slot,
        account=account,
        environment=server_environment(layout),
    )


def upstream(record: Record, source: embedded.Endpoint) -> dict[str, str]:
    """Return how a replica connects to its primary."""
    return {
        "host": str(source.socket_dir),
        "port": str(source.port),
        "user": REPLICATION_ROLE,
        "application_name": record.name,
    }


async def list_replicas(settings: Settings, data_dir: Path) -> list[ReplicaStatus]:
    """Return what is known of each replica; starts nothing.

    Raises:
        Invalid: the list of replicas cannot be read.
    """
    registered = registry.load(data_dir).replicas
    live = states.read_live(Layout.of(data_dir)) if registered else None
    source = embedded.Endpoint(Path(live.socket_dir), PORT, data_dir, live.version) if live else None
    up = [
        record for record in registered if record.complete and states.read_live(Layout.of(record.directory)) is not None
    ]
    return await status_of(
        settings, source, registered, {record.name: endpoint(record, settings.embedded_version) for record in up}
    )


async def start(settings: Settings, data_dir: Path, name: str) -> Record:
    """Start a replica that was stopped; it catches up by itself.

    Raises:
        NotFound: there is none of that name.
        Conflict: its copy was never finished.
        Unavailable: it does not start.
    """
    async with registry.alone(data_dir):
        registered = registry.load(data_dir)
        record = registered.find(name)
        if not record.complete:
            raise Conflict(
                f"The copy of {name!r} was never finished.",
                code="conflict.replica_incomplete",
                hint=f"Add it again: mnemon ops replica add {name}.",
            )
        registry.save(data_dir, registered.having(replace(record, running=True)))
        await asyncio.to_thread(run_replica, record, settings.embedded_version)
        await _follow_where_it_is(data_dir, record, settings.embedded_version)
    return replace(record, running=True)


async def _follow_where_it_is(data_dir: Path, record: Record, version: int) -> None:
    """Tell a replica where its primary is: the socket may have moved since the copy (XDG_RUNTIME_DIR)."""
    live = states.read_live(Layout.of(data_dir))
    if live is None or not live.socket_dir:
        return
    async with primary.administrator(endpoint(record, version)) as connection:
        said = await connection.fetchval("SELECT current_setting('primary_conninfo')")
        if live.socket_dir not in said:
            source = embedded.Endpoint(Path(live.socket_dir), PORT, data_dir, version)
            await primary.tell(connection, "primary_conninfo", conninfo(upstream(record, source)))


async def stop(settings: Settings, data_dir: Path, name: str) -> bool:
    """Stop a replica until :func:`start`; whether it ran. The primary keeps what it will need, up to 1 GB.

    Raises:
        NotFound: there is none of that name.
        Conflict: it is the last synchronous one that runs: every commit would wait for it.
    """
    async with registry.alone(data_dir):
        registered = registry.load(data_dir)
        record = registered.find(name)
        others = [other for other in registered.replicas if other.synchronous and other.running and other.name != name]
        if record.synchronous and record.running and not others:
            raise Conflict(
                f"{name!r} is the last synchronous replica: without it, every commit would wait.",
                code="conflict.last_synchronous",
                hint="Remove it instead, or add another synchronous one first.",
            )
        registry.save(data_dir, registered.having(replace(record, running=False)))
        return await asyncio.to_thread(embedded.stop, record.directory)


async def remove(settings: Settings, data_dir: Path, name: str) -> None:
    """Stop a replica and delete its directory; commits no longer wait for it, and the primary keeps nothing for it.

    Raises:
        NotFound: there is none of that name.
        Unavailable: the primary cannot be reached, and would keep the log for it.
    """
    registry.load(data_dir).find(name)  # before a server is started for nothing
    with await asyncio.to_thread(embedded.acquire, data_dir, version=settings.embedded_version) as lease:
        async with registry.alone(data_dir):
            registered = registry.load(data_dir)
            record = registered.find(name)
            async with primary.administrator(lease.endpoint) as connection:
                # First of all, or commits wait for it while it stops.
                registry.save(data_dir, registered.having(replace(record, synchronous=False, complete=False)))
                await synchronise(data_dir, connection)
                await _clear(record, connection)
            registry.save(data_dir, registry.load(data_dir).without(name))


async def _clear(record: Record, connection: Any) -> None:
    """Remove what there is of a replica: its server, its slot, its directory."""
    await asyncio.to_thread(embedded.stop, record.directory)
    await primary.drop_slot(connection, record.name)
    if record.directory.is_dir() and not record.directory.is_symlink():
        if record.complete:  # an interrupted copy has no mark yet
            _refuse_foreign(record.directory)
        for _ in range(50):
            # The program of an interrupted copy may still be tidying up there itself.
            await asyncio.to_thread(shutil.rmtree, record.directory, ignore_errors=True)
            if not record.directory.exists():
                return
            await asyncio.sleep(0.1)
        await asyncio.to_thread(shutil.rmtree, record.directory)


def _refuse_foreign(path: Path) -> None:
    """Refuse what stands at a replica's place and is not its copy: it may have been promoted, or replaced."""
    if (path / "PG_VERSION").exists() and not (path / "standby.signal").exists():
        raise Invalid(
            f"{path} holds a cluster that is no replica (any more).",
            code="invalid.not_a_replica",
            hint="Nothing in it was touched. Look at it, and remove it yourself if it is not needed.",
            path=str(path),
        )


async def synchronise(data_dir: Path, connection: Any) -> None:
    """Let commits wait for the synchronous replicas that are written down.

    A new one only when it follows: until then every commit would wait. One that is away stays on the list, because
    taking it off would give up in silence what it is there for.
    """
    required = [record.name for record in registry.load(data_dir).replicas if record.synchronous and record.complete]
    listed = await primary.synchronous(connection)
    new = [name for name in required if name not in listed]
    following = await primary.wait_for(connection, new) if new else set()
    await primary.synchronise(connection, [name for name in required if name in listed or name in following])
