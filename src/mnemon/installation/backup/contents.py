"""What belongs to a directory of backups: the seal of ``cluster.json``, the files of a backup, the backups there are.

Every sealed file is authentic by itself. What nobody would notice without a list is a file that was added, one that was
taken away, and the one that is plain. So a backup's label names its files with size and SHA-256; ``cluster.json``
carries a seal made with the backup key; and a record names the backups. Who can write the directory and has no key can
only bring back an older state of it as a whole; what holds against that is a copy elsewhere.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mnemon.installation.backup.errors import Damaged
from mnemon.installation.backup.model import Label, Segment
from mnemon.installation.backup.seal import BACKUPS, CLUSTER, ENDING, LABEL
from mnemon.installation.backup.store import Store

_LOCKS = {"take.lock", "wal.lock", "use.lock"}
_RECORDS = {f"{name}{ENDING}" for name in ("reach", "points", "verified", "rehearsed", BACKUPS)} | {"failure.json"}
#: A file that is being written, or was when its process was killed; nobody reads one.
_DRAFT = re.compile(r"\.new-(\d+-)?(?P<name>.+)")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Known:
    """The record of the backups that there are.

    Attributes:
        ids: those that are there.
        pending: those that are just being added or removed, and may be there or not.
        since: when the record was made although there were backups: what was gone by then it does not know.
    """

    ids: frozenset[str]
    pending: frozenset[str] = frozenset()
    since: str | None = None

    @classmethod
    def of(cls, store: Store) -> Known | None:
        """Return the record of a directory; None where there is none.

        Raises:
            Damaged: it is not what was written.
        """
        told = store.noted(BACKUPS)
        if told is None:
            return None
        return cls(frozenset(told["ids"]), frozenset(told["pending"]), told["since"])

    def keep(self, store: Store) -> None:
        """Write it."""
        told = {"ids": sorted(self.ids), "pending": sorted(self.pending), "since": self.since}
        store.note(BACKUPS, told)


def announce(store: Store, ids: Iterable[str]) -> None:
    """Say beforehand which backups are about to come or go; for who holds ``take``. A kill leaves it open which did."""
    present, _ = store.labels()
    found = Known.of(store)
    if found is None:
        found = Known(frozenset(), since=datetime.now(UTC).isoformat() if present else None)
        found = Known(frozenset(label.id for label in present), since=found.since)
    here = {label.id for label in present}
    settled = (found.ids - found.pending) | (found.pending & here)
    Known(settled, frozenset(ids), found.since).keep(store)


def settle(store: Store) -> None:
    """Note that what was announced has happened."""
    found = Known.of(store)
    if found is not None:
        here = {label.id for label in store.labels()[0]}
        Known((found.ids - found.pending) | (found.pending & here), since=found.since).keep(store)


def check_backup(store: Store, label: Label) -> None:
    """Hold the directory of a backup against the list in its label.

    Raises:
        Damaged: a file is missing, is one too many, or has another size.
    """
    if label.files is None:
        return
    sizes = _sizes(store.backups / label.id)
    sizes.pop(LABEL, None)  # what says all this is sealed itself
    problems = [f"{name} is missing" for name in sorted(label.files.keys() - sizes.keys())]
    problems += [f"{name[:60]!r} is not among its files" for name in sorted(sizes.keys() - label.files.keys())]
    problems += [
        f"{name} has {sizes[name]} bytes instead of {listed.size}"
        for name, listed in sorted(label.files.items())
        if name in sizes and sizes[name] != listed.size
    ]
    if problems:
        raise Damaged(
            f"{label.id}: {problems[0]}" + (f" (and {len(problems) - 1} more)." if len(problems) > 1 else "."),
            hint="Somebody else writes to the directory of backups. Use another backup, or take the files from a copy.",
            backup=label.id,
            problems=problems[:20],
        )


def strangers(store: Store, segment_bytes: int) -> list[str]:
    """Return files that no part of Mnemon has put into the directory of backups, as sentences."""
    strange = [_shown(store, path) for path in _names(store.root) if not _is_ours_in_root(path)]
    strange += [_shown(store, path) for path in _names(store.records) if _whole_name(path.name) not in _RECORDS]
    strange += [_shown(store, path) for path in _names(store.wal) if not _is_wal(_whole_name(path.name), segment_bytes)]
    # What is no directory has no label, and is told with the backups that cannot be read.
    others = f" (and {len(strange) - _SHOWN} more)" if len(strange) > _SHOWN else ""
    return [
        f"{name} is no file of the backups{others if number == _SHOWN - 1 else ''}"
        for number, name in enumerate(strange[:_SHOWN])
    ]


def missing_or_unknown(before: Known | None, after: Known | None, labels: list[Label]) -> list[str]:
    """Return backups that are gone, and such as nobody made, as sentences.

    Args:
        before: the record as it was before the directory was read.
        after: and as it was afterwards: one may have been made meanwhile.
        labels: what was read.
    """
    if before is None or after is None:
        listed = [label.id for label in labels if label.files is not None]
        return [f"records/{BACKUPS}{ENDING}, which says what backups there are, is missing"] if listed else []
    present = {label.id for label in labels}
    open_ones = before.pending | after.pending
    gone = (before.ids & after.ids) - open_ones - present
    unknown = present - before.ids - after.ids - open_ones
    return [f"{name} is missing: it was made, and nothing has removed it that may" for name in sorted(gone)] + [
        f"{name} was removed once, and somebody has put it back" for name in sorted(unknown)
    ]


def notes_on(labels: list[Label], known: Known | None, *, sealed: bool) -> list[str]:
    """Return what was made by an earlier version, and what cannot be said of it therefore; as sentences."""
    old = [label.id for label in labels if label.files is None]
    notes = []
    if old:
        notes.append(
            f"{len(old)} backups, up to {old[-1]}, are from before backups had a list of their files: each file is "
            "authentic, but one that was added is not noticed. Take a full backup; these go when their days are over"
        )
    if labels and not sealed:
        notes.append(f"{CLUSTER} has no seal yet: the next backup, or fetching of WAL, makes one")
    if known is not None and known.since is not None:
        notes.append(f"the record of the backups was made at {known.since}: what was gone by then it does not know")
    return notes


def _sizes(folder: Path) -> dict[str, int]:
    """Return the files of a directory with their sizes; what is no plain file has none that could be right."""
    found = {}
    for path in _names(folder):
        status = path.lstat()
        found[path.name] = status.st_size if stat.S_ISREG(status.st_mode) else -1
    return found


def _names(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _whole_name(name: str) -> str:
    draft = _DRAFT.fullmatch(name)
    return draft["name"] if draft else name


def _is_ours_in_root(path: Path) -> bool:
    name = _whole_name(path.name)
    return name in {CLUSTER, "backups", "wal", "records", "lost+found", *_LOCKS}


def _is_wal(name: str, segment_bytes: int) -> bool:
    plain = name.removesuffix(ENDING)
    if plain == name:
        return False
    return Segment.parse(plain, segment_bytes) is not None or re.fullmatch(r"[0-9A-F]{8}\.history", plain) is not None


def _shown(store: Store, path: Path) -> str:
    name = store.shown(path)
    return name[:80] if name.isprintable() else repr(name)[:80]
