"""What is kept, and what goes."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta

from mnemon.core.clock import Clock
from mnemon.core.settings import Settings
from mnemon.installation.backup import contents
from mnemon.installation.backup.model import BackupListing, Label, Pruned
from mnemon.installation.backup.seal import PARTIAL
from mnemon.installation.backup.store import Store, explained, sync
from mnemon.installation.backup.wal import gaps, wal_bytes

_SEGMENT = 16 << 20


async def listing(settings: Settings) -> BackupListing:
    """Return what is in the directory of backups."""
    return await asyncio.to_thread(_listing, Store.open(settings))


def _listing(store: Store) -> BackupListing:
    labels, problems = store.labels()
    size = labels[-1].segment_bytes if labels else _SEGMENT
    return BackupListing(
        tuple(labels),
        problems,
        len(store.archived(size)),
        wal_bytes(store),
        tuple(gaps(store, labels, size)),
        store.reach(),
        store.points(),
    )


async def prune(settings: Settings, *, clock: Clock | None = None) -> Pruned:
    """Remove backups and WAL that are past their days.

    Never the last full backup and what builds on it; never one that a kept backup builds on; never one, nor WAL, that
    a moment within the days of WAL needs. Interrupted, the next one goes on: a backup disappears from the list before
    its files go.

    Raises:
        Busy: somebody takes, verifies or restores a backup.
    """
    now = clock.now() if clock is not None else datetime.now(UTC)
    return await asyncio.to_thread(_prune, Store.open(settings), settings, now)


def _prune(store: Store, settings: Settings, now: datetime) -> Pruned:
    with store.locked("take"), store.locked("use"), store.locked("wal"), explained(store.root):
        store.clear_partial()
        labels, _ = store.labels()
        horizon = now - timedelta(days=settings.backup_wal_days)
        base = _base(labels, horizon)
        keep = _kept(labels, now - timedelta(days=settings.backup_days), base)
        freed = 0
        gone = [label for label in labels if label.id not in keep]
        if gone:
            contents.announce(store, [label.id for label in gone])
        for label in reversed(gone):  # what builds on another goes first: a kill leaves no chain without its beginning
            hidden = store.backups / f"{PARTIAL}{label.id}"
            (store.backups / label.id).rename(hidden)
            freed += sum(path.stat().st_size for path in hidden.iterdir())
            shutil.rmtree(hidden)
        if gone:
            contents.settle(store)
        segments = 0
        for archived in store.archived(labels[-1].segment_bytes) if base is not None else ():
            if base is not None and archived.segment < base.first_segment:
                store.wal_file(archived.name).unlink()
                segments, freed = segments + 1, freed + archived.stored_bytes
        sync(store.backups)
        sync(store.wal)
    return Pruned(tuple(label.id for label in gone), segments, freed)


def _base(labels: list[Label], horizon: datetime) -> Label | None:
    """Return where recovery to the first promised moment begins; the oldest backup while there is no older one."""
    before = [label for label in labels if label.finished_at <= horizon]
    return before[-1] if before else labels[0] if labels else None


def _kept(labels: list[Label], since: datetime, base: Label | None) -> set[str]:
    full = [number for number, label in enumerate(labels) if label.kind == "full"]
    chosen = {label.id for label in labels if label.finished_at >= since}
    chosen |= {label.id for label in labels[full[-1] :]} if full else set()
    chosen |= {base.id} if base is not None else set()
    by_id = {label.id: label for label in labels}
    todo = list(chosen)
    while todo:
        label = by_id.get(todo.pop())
        if label is not None and label.parent is not None and label.parent not in chosen:
            chosen.add(label.parent)
            todo.append(label.parent)
    return chosen
