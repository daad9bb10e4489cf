"""The archive of the WAL: fetched from the server segment by segment, sealed, and only then let go by the server.

A replication slot holds back what has not been fetched: whatever is killed, and however long nothing runs, the next
fetching goes on where the last one ended. The server runs no program of ours (no ``archive_command``): its account need
neither know the key nor reach Mnemon, nothing has to be restarted, and no WAL lies anywhere in plain text on its way.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime

from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings
from mnemon.installation.backup.errors import Busy, OtherCluster, WalGap
from mnemon.installation.backup.model import Archived, Gap, Label, Pulled, Reach, Segment, parse_lsn, show_lsn
from mnemon.installation.backup.seal import ENDING
from mnemon.installation.backup.source import Source, open_source, rights
from mnemon.installation.backup.store import Store

#: Segments after which the server is told that it may let go of them.
_ADVANCE = 8
_POINTS_KEPT = 1000
_WAIT = 120.0  # seconds


async def pull_wal(settings: Settings) -> Pulled:
    """Close the running segment and fetch everything up to now into the archive.

    Raises:
        WalGap: the alarm. Everything that could be had was fetched, and some is missing that no later backup makes up
            for: until the next backup nothing after it can be restored.
        Busy: somebody else is at it.
        OtherCluster: the directory is another server's, or two copies of one server write to it.
    """
    store = Store.open(settings)
    async with open_source(settings) as source:
        pulled = await pull(source, store)
    missing = open_gaps(pulled.gaps, store.labels()[0])
    if missing:
        raise WalGap(
            f"WAL is missing in the archive: {missing[-1].first} to {missing[-1].last}, {missing[-1].count} segments.",
            hint="The server removed it before it was fetched. Take a backup now (`mnemon backup incremental`): from "
            "its end on every moment can be restored again.",
            first=missing[-1].first,
            last=missing[-1].last,
        )
    return pulled


async def pull(source: Source, store: Store, *, wait: float = 0.0) -> Pulled:
    """Do as :func:`pull_wal`, with what is open already; ``wait``: for how many seconds somebody else may be at it."""
    name = store.bind(source.facts.system_identifier)
    async with _alone(store, wait):
        with rights("fetch WAL"):
            reach, count, stored = await _pull(source, store, slot_name(name))
    labels, _ = store.labels()
    found = await asyncio.to_thread(gaps, store, labels, source.facts.segment_bytes)
    return Pulled(count, stored, reach, tuple(found))


@asynccontextmanager
async def _alone(store: Store, wait: float) -> AsyncIterator[None]:
    """Hold the lock of who fetches WAL; waits without keeping the event loop from anything."""
    deadline = time.monotonic() + wait
    while True:
        with ExitStack() as stack:
            try:
                stack.enter_context(store.locked("wal"))
            except Busy:
                if time.monotonic() >= deadline:
                    raise
            else:
                yield
                return
        await asyncio.sleep(0.1)


async def _pull(source: Source, store: Store, slot: str) -> tuple[Reach, int, int]:
    """Return how far the archive goes now; how many segments came to it, and what they take."""
    for path in store.wal.glob(".new-*"):  # of an interrupted run
        path.unlink(missing_ok=True)
    is_new = await hold_back(source, slot)
    at = await source.now()
    await source.connection.execute("SELECT pg_switch_wal()")
    row = await source.connection.fetchrow(
        "SELECT pg_current_wal_flush_lsn()::text AS flushed, pg_walfile_name(pg_current_wal_lsn()) AS file"
    )
    flushed, timeline = parse_lsn(row["flushed"]), int(row["file"][:8], 16)
    present = await _present(source)
    await _histories(source, store, present)
    if is_new:
        first = await asyncio.to_thread(_after_the_last, store, present, timeline, source.facts.segment_bytes)
    else:
        first = None
    count, stored = await _fetch(source, store, slot, (flushed, timeline, at, first), present)
    store.note("reach", {"at": at.isoformat(), "lsn": flushed, "timeline": timeline})
    return Reach(at, flushed, timeline), count, stored


def slot_name(store_name: str) -> str:
    """Return the slot of a directory of backups."""
    return f"mnemon_{store_name}"


async def hold_back(source: Source, slot: str) -> bool:
    """Make the slot that keeps the server from removing WAL, also where the server gave it up; whether it is new."""
    status = await source.connection.fetchval(
        "SELECT coalesce(wal_status, 'none') FROM pg_replication_slots WHERE slot_name = $1", slot
    )
    if status == "lost":
        await source.connection.execute("SELECT pg_drop_replication_slot($1)", slot)
    if status in {None, "lost"}:
        await source.connection.execute("SELECT pg_create_physical_replication_slot($1, true)", slot)
    return status in {None, "lost"}


async def _present(source: Source) -> set[str]:
    return {row["name"] for row in await source.connection.fetch("SELECT name FROM pg_ls_waldir()")}


async def _read(source: Source, name: str) -> bytes:
    data: bytes = await source.connection.fetchval("SELECT pg_read_binary_file('pg_wal/' || $1)", name)
    return data


async def _histories(source: Source, store: Store, present: set[str]) -> None:
    """History files say where a timeline left another; they are few and never change."""
    for name in sorted(present):
        if name.endswith(".history") and not store.wal_file(name).exists():
            data = await _read(source, name)
            with store.writing(store.wal_file(name)) as writer:
                writer.write(data)


async def _fetch(
    source: Source, store: Store, slot: str, until: tuple[int, int, datetime, int | None], present: set[str]
) -> tuple[int, int]:
    """Fetch the complete segments that the slot holds back; how many were new, and their size in the archive."""
    flushed, timeline, at, earlier = until
    size = source.facts.segment_bytes
    held = await source.connection.fetchval(
        "SELECT restart_lsn::text FROM pg_replication_slots WHERE slot_name = $1", slot
    )
    first = parse_lsn(held) // size
    first = min(first, earlier) if earlier is not None else first
    count = stored = 0
    for number in range(first, flushed // size):
        name = _on_some_timeline(number, timeline, size, present)
        if name is None:
            continue  # told as a gap
        data = await _read(source, name)
        stored_now = await asyncio.to_thread(_keep, store, name, data, at)
        count, stored = count + (stored_now > 0), stored + stored_now
        if number % _ADVANCE == 0:
            await _let_go(source, slot, (number + 1) * size)
    await _let_go(source, slot, flushed - flushed % size)
    return count, stored


def _after_the_last(store: Store, present: set[str], timeline: int, size: int) -> int | None:
    """Return the first segment after the archived ones that the server still has: with a new slot it closes a gap."""
    here = [one.segment.number for one in store.archived(size) if one.segment.timeline <= timeline]
    there = sorted(one.number for name in present if (one := Segment.parse(name, size)) and one.timeline == timeline)
    return next((number for number in there if number > max(here)), None) if here else None


def _on_some_timeline(number: int, timeline: int, size: int, present: set[str]) -> str | None:
    for one in range(timeline, 0, -1):
        if (name := Segment(one, number).name(size)) in present:
            return name
    return None


def _keep(store: Store, name: str, data: bytes, at: datetime) -> int:
    """Seal a segment; 0 if the same is there already, else the bytes it takes.

    Raises:
        OtherCluster: what is there under its name has other contents.
    """
    path = store.wal_file(name)
    if path.exists():
        with store.reading(path) as reader:
            same = hashlib.sha256(reader.read()).digest() == hashlib.sha256(data).digest()
        if same:
            return 0
        raise OtherCluster(
            f"The archive has another segment {name} than this server.",
            code="backup.wal_differs",
            hint="A copy of the server writes to the same directory. Give each MNEMON_BACKUP_DIR of its own; the "
            "archive was left as it is.",
            segment=name,
        )
    with store.writing(path, {"at": at.isoformat()}) as writer:
        writer.write(data)
    return path.stat().st_size


async def _let_go(source: Source, slot: str, lsn: int) -> None:
    """Let the server remove what is sealed and on the disk."""
    await source.connection.execute(
        "SELECT pg_replication_slot_advance(slot_name, $2::text::pg_lsn) FROM pg_replication_slots "
        "WHERE slot_name = $1 AND restart_lsn < $2::text::pg_lsn",
        slot,
        show_lsn(lsn),
    )


async def mark(settings: Settings, name: str) -> int:
    """Name the present moment, so that a restore can go to it, as before a risky change; its place in the WAL.

    Raises:
        Invalid: no name, or one that is taken.
    """
    if not name or len(name) > 63 or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise Invalid(
            "A name has letters, digits, dots, hyphens and underscores, up to 63 of them.",
            code="backup.point_name",
            field="name",
        )
    store = Store.open(settings)
    async with open_source(settings) as source:
        store.bind(source.facts.system_identifier)
        async with _alone(store, _WAIT):
            points = store.points()
            if name in points:
                raise Invalid(
                    f"There is a moment {name!r} already.",
                    code="backup.point_name",
                    hint="Choose another name.",
                    field="name",
                )
            with rights("name a moment"):
                position = await source.connection.fetchval("SELECT pg_create_restore_point($1)::text", name)
            points[name] = parse_lsn(position)
            store.note("points", dict(list(points.items())[-_POINTS_KEPT:]))
        await pull(source, store, wait=_WAIT)
        return points[name]


def gaps(store: Store, labels: list[Label], segment_bytes: int) -> list[Gap]:
    """Return what is missing in the archive from the end of the oldest backup on, timeline by timeline."""
    archived = store.archived(segment_bytes)
    reach = store.reach()
    missing = []
    for timeline in sorted(
        {archived_segment.segment.timeline for archived_segment in archived} | {label.timeline for label in labels}
    ):
        numbers = [
            archived_segment.segment.number
            for archived_segment in archived
            if archived_segment.segment.timeline == timeline
        ]
        if reach is not None and reach.timeline == timeline:
            numbers.append(reach.lsn // segment_bytes)  # not there yet: everything before it is
        # What lies before the end of the oldest backup nobody will ask for.
        expected = min((label.last_segment.number for label in labels if label.timeline == timeline), default=0)
        expected = expected or min(numbers, default=0)
        for number in numbers:
            if number > expected:
                first, last = Segment(timeline, expected), Segment(timeline, number - 1)
                missing.append(Gap(first.name(segment_bytes), last.name(segment_bytes), number - expected))
            expected = max(expected, number + 1)
    return missing


def open_gaps(found: Sequence[Gap], labels: list[Label]) -> list[Gap]:
    """Return those after which no backup has been made, so that nothing behind them can be restored."""
    return [gap for gap in found if not any(one.last_segment.name(one.segment_bytes) > gap.last for one in labels)]


def needed_for(store: Store, label: Label, timeline: int, until: datetime | None = None) -> list[Archived]:
    """Return the segments that lead from a backup on, to the end of the archive or past a moment.

    Raises:
        WalGap: one is missing on the way.
    """
    needed: list[Archived] = []
    expected: dict[int, int] = {}
    archived = store.archived(label.segment_bytes)
    # Segments that were fetched together have one time. All that was committed up to it is in them and in those before;
    # those of the next fetching hold the first transaction after the moment, if any, so that PostgreSQL stops there.
    later = sorted({candidate.at for candidate in archived if until is not None and candidate.at >= until})[:2]
    for candidate in archived:
        line, number = candidate.segment.timeline, candidate.segment.number
        if not label.timeline <= line <= timeline or number < label.first_segment.number:
            continue
        if later and candidate.at > later[-1]:
            continue
        next_number = expected.get(line, label.last_segment.number if line == label.timeline else number)
        if number > next_number:
            raise WalGap(
                f"WAL is missing after {label.id}: {number - next_number} segments before {candidate.name}.",
                hint="`--from ID --to backup` brings any backup back without WAL; `mnemon backup list` shows those "
                "that were made later.",
                first=Segment(line, next_number).name(label.segment_bytes),
                count=number - next_number,
            )
        expected[line] = max(next_number, number + 1)
        needed.append(candidate)
    return needed


def wal_bytes(store: Store) -> int:
    """Return what the archive takes."""
    return sum(path.stat().st_size for path in store.wal.glob(f"*{ENDING}"))
