"""Looking at replicas: the lag as a reader meets it, and what the primary says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.db.embedded import ADMIN_ROLE, Endpoint
from mnemon.db.replicas import ReplicaState
from mnemon.db.session import Database
from mnemon.installation.replicas import primary
from mnemon.installation.replicas.model import DATABASE, Record, ReplicaStatus, slot_of

_BY_PRIMARY = "as the primary sees it"


async def measure(settings: Settings, url: str, replicas: Sequence[tuple[str, str]]) -> dict[str, ReplicaState]:
    """Look once at each replica, as an application does before it sends reads there.

    Args:
        settings: time limits, and the lag from which a replica is left out.
        url: the primary.
        replicas: a name and a URL each.

    Raises:
        Unavailable: the primary cannot be reached.
    """
    if not replicas:
        return {}
    database = Database(url, settings)
    try:
        return {state.name: state for state in await database.probe_replicas(replicas)}
    finally:
        await database.close()


async def status_of(
    settings: Settings, source: Endpoint | None, known: Sequence[Record], up: Mapping[str, Endpoint]
) -> list[ReplicaStatus]:
    """Return the replicas of an embedded server.

    Args:
        settings: as above.
        source: the primary, None while it does not run: there is no lag then.
        known: those that are written down.
        up: those whose server runs.
    """
    seen: dict[str, ReplicaState] = {}
    followers: dict[str, primary.Follower] = {}
    slots: dict[str, str | None] = {}
    if source is not None and known:
        try:
            async with primary.administrator(source, patience=2.0) as connection:
                followers = {record.name: record for record in await primary.followers(connection)}
                slots = await primary.slots(connection)
            pairs = [(name, where.url(ADMIN_ROLE, DATABASE)) for name, where in up.items()]
            seen = await measure(settings, source.url(ADMIN_ROLE, DATABASE), pairs)
        except MnemonError:  # the primary runs and does not answer: what is left is still worth a look
            seen = {}
    return [
        _embedded(record, record.name in up, seen.get(record.name), followers.get(record.name), slots)
        for record in known
    ]


def _embedded(
    record: Record,
    up: bool,
    seen: ReplicaState | None,
    follower: primary.Follower | None,
    slots: Mapping[str, str | None],
) -> ReplicaStatus:
    if not record.complete:
        state = "incomplete"
    elif slots and slots.get(record.slot, "lost") == "lost":
        state = "lost"
    elif not up:
        state = "stopped"
    else:
        state = (follower.state if follower else None) or "disconnected"
    return ReplicaStatus(
        name=record.name,
        state=state,
        serving=seen is not None and seen.serving,
        lag=seen.lag if seen else None,
        behind_bytes=follower.behind if follower else None,
        synchronous=record.synchronous,
        directory=record.directory,
        reason=seen.reason if seen else None,
    )


async def followers_of(connection: Any, seen: Mapping[str, ReplicaState]) -> list[ReplicaStatus]:
    """Return the replicas of a server of the user's own: those of the settings, and others the primary knows.

    Args:
        connection: to the primary, None where no role was given that may ask it.
        seen: what an application sees of those in the settings.
    """
    statuses = [
        ReplicaStatus(
            name=name,
            state="unreachable" if state.lag is None else "running",
            serving=state.serving,
            lag=state.lag,
            behind_bytes=None,
            synchronous=False,
            directory=None,
            reason=state.reason,
        )
        for name, state in seen.items()
    ]
    if connection is None:
        return statuses
    slots = await primary.slots(connection)
    following = await primary.followers(connection)
    for record in following:
        sync = record.sync_state in {"sync", "quorum"}
        statuses.append(
            ReplicaStatus(
                record.name, record.state or "running", False, None, record.behind, sync, None, "as the primary sees it"
            )
        )
    slot_names = {slot_of(record.name) for record in following}
    for slot, status in slots.items():
        if slot.startswith(slot_of("")) and slot not in slot_names:
            state = "lost" if status == "lost" else "disconnected"
            name = slot.removeprefix(slot_of(""))
            statuses.append(ReplicaStatus(name, state, False, None, None, False, None, _BY_PRIMARY))
    return statuses
