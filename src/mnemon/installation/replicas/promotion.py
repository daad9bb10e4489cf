"""Promotion: a replica of the embedded server takes the place of its primary."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnemon.core.errors import Conflict, MnemonError, Unavailable
from mnemon.core.settings import Settings
from mnemon.db import embedded
from mnemon.db.embedded import Endpoint
from mnemon.installation.replicas import primary, registry
from mnemon.installation.replicas.addresses import endpoint
from mnemon.installation.replicas.copying import conninfo
from mnemon.installation.replicas.model import Promoted, Record
from mnemon.installation.replicas.running import run_replica
from mnemon.installation.replicas.service import upstream

#: What a replica has on its disk; of one that was promoted by an interrupted run, what it wrote since.
_RECEIVED = """
SELECT CASE WHEN pg_is_in_recovery()
  THEN greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'), coalesce(pg_last_wal_replay_lsn(), '0/0'))
  ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn
"""


async def promote(settings: Settings, data_dir: Path, name: str | None = None, *, switch: bool = False) -> Promoted:
    """Make a replica the primary, and let the others follow it.

    It may be called again when it was interrupted. The old directory is marked: nothing of ours writes to it again.

    Args:
        settings: the embedded server's version.
        data_dir: of the primary that is gone.
        name: of the replica; default: the one that has received the most, which has all that the others have.
        switch: the primary still runs and is to be stopped: a change of places in which nothing is lost.

    Raises:
        Conflict: the primary runs, or another replica has received more than the one that was named.
        NotFound: there is no such replica, or none at all.
        Unavailable: no replica runs, or it was not promoted in time.
    """
    async with registry.alone(data_dir):
        registered = registry.load(data_dir)
        if name is not None:
            registered.find(name)
        if not switch and await asyncio.to_thread(lambda: embedded.status(data_dir).running):
            raise Conflict(
                "The primary runs: two would take writes, and those of one would be lost.",
                code="conflict.primary_runs",
                hint="If it is to be replaced, add --switch: it is stopped first, and nothing is lost.",
            )
        # In either case: what is left of a killed one must not come back.
        await asyncio.to_thread(embedded.stop, data_dir)
        whole = [record for record in registered.replicas if record.complete]
        received = await _received(whole, settings.embedded_version)
        chosen = _choose(received, name)
        # Before the promotion: from its moment on there must be no way back to the old directory.
        registry.save(data_dir, replace(registered, promoted_to=chosen.directory))
        new_primary = endpoint(chosen, settings.embedded_version)
        async with primary.administrator(new_primary) as connection:
            await _promote(connection)
            others = [record for record in whole if record.name != chosen.name]
            following = await _follow(connection, new_primary, others, settings.embedded_version)
            registry.save(chosen.directory, registry.ReplicaRegistry(tuple(following)))
            await primary.synchronise(connection, [record.name for record in following if record.synchronous])
        registry.save(data_dir, registry.ReplicaRegistry((), chosen.directory))
    followers = tuple(record.name for record in following)
    left = tuple(record.name for record in registered.replicas if record.name not in {chosen.name, *followers})
    return Promoted(chosen.name, chosen.directory, followers, left)


async def _received(records: list[Record], version: int) -> dict[Record, int]:
    """Return how much of the primary's log each has that can be started."""
    received = {}
    for record in records:
        try:
            await asyncio.to_thread(run_replica, record, version)
            async with primary.administrator(endpoint(record, version)) as connection:
                received[record] = int(await connection.fetchval(_RECEIVED))
        except MnemonError:  # the others may do; which one is missing is told at the end
            continue
    return received


def _choose(received: dict[Record, int], name: str | None) -> Record:
    if not received:
        raise Unavailable(
            "No replica can be promoted: there is none, or none starts.",
            code="unavailable.no_replica",
            hint="Restore a backup instead.",
        )
    furthest = max(received, key=lambda record: received[record])
    chosen = next((record for record in received if record.name == name), None) if name else furthest
    if chosen is None:
        raise Unavailable(f"The replica {name!r} does not start.", code="unavailable.replica", name=name)
    if received[chosen] < received[furthest]:
        raise Conflict(
            f"{furthest.name!r} has received more than {chosen.name!r}: that would be lost.",
            code="conflict.replica_behind",
            hint=f"Promote {furthest.name!r}.",
            name=furthest.name,
        )
    return chosen


async def _promote(connection: Any) -> None:
    # It has no standbys yet, and would wait for those of the old primary with its first commit.
    await primary.tell(connection, "synchronous_standby_names", "")
    if not await connection.fetchval("SELECT pg_is_in_recovery()"):
        return
    if not await connection.fetchval("SELECT pg_promote(true, 60)"):
        raise Unavailable(
            "The replica was not promoted in 60 seconds.",
            code="unavailable.promotion",
            hint="It goes on replaying what it has received; try again.",
        )


async def _follow(connection: Any, source: Endpoint, others: list[Record], version: int) -> list[Record]:
    """Let the others follow the new primary; those that do."""
    following = []
    for record in others:
        try:
            await primary.make_slot(connection, record.name)
            await asyncio.to_thread(run_replica, record, version)
            async with primary.administrator(endpoint(record, version)) as theirs:
                await primary.tell(theirs, "primary_conninfo", conninfo(upstream(record, source)))
        except MnemonError:
            await primary.drop_slot(connection, record.name)
            continue
        following.append(record)
    connected = await primary.wait_for(connection, [follower.name for follower in following])
    for record in following:
        if record.name not in connected:
            await primary.drop_slot(connection, record.name)
    return [follower for follower in following if follower.name in connected]
