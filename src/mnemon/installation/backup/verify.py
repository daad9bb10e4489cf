"""Whether what is there is whole: every byte read, every tag and checksum compared; and a restore for practice."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.db import embedded
from mnemon.db.embedded.layout import Layout
from mnemon.installation.backup import contents, tar
from mnemon.installation.backup.errors import Damaged, RestoreFailed
from mnemon.installation.backup.model import Label, Restored, Verified
from mnemon.installation.backup.plan import Step
from mnemon.installation.backup.restore import RestoreRequest, check_whole, restore
from mnemon.installation.backup.seal import SEAL
from mnemon.installation.backup.source import data_dir, program_environment
from mnemon.installation.backup.store import Store
from mnemon.installation.backup.take import BASE, MANIFEST, in_thread
from mnemon.installation.backup.wal import gaps

T = TypeVar("T")
_SEGMENT = 16 << 20


async def verify(settings: Settings, *, backup: str | None = None, step: Step | None = None) -> Verified:
    """Read everything: decrypt, compare each file with PostgreSQL's manifest, follow the chains, look for gaps.

    Changes nothing, and can be interrupted and run again.

    Args:
        settings: the directory and the keys.
        backup: only this one and those it builds on; the archive as well, if left out.
        step: called with what is being read.
    """
    store = await asyncio.to_thread(Store.open, settings)
    stopped = threading.Event()
    with store.locked("use", shared=True):
        work = _Work(store, stopped, step or (lambda _what, _share: None))
        result = await in_thread(lambda: work.run(backup), stopped.set)
        if backup is None:
            record = {"at": datetime.now(UTC).isoformat(), "problems": list(result.problems)[:20]}
            await asyncio.to_thread(store.note, "verified", record)
    return result


def require_whole(found: Verified) -> None:
    """Fail where a verification found something.

    Raises:
        Damaged: with the first of it.
    """
    if found.problems:
        others = f" (and {len(found.problems) - 1} more)" if len(found.problems) > 1 else ""
        raise Damaged(
            f"{found.problems[0].rstrip('.')}{others}.",
            hint="Take a full backup now. What builds on what is damaged cannot be restored.",
            problems=list(found.problems)[:20],
        )


class _Work:
    def __init__(self, store: Store, stopped: threading.Event, step: Step) -> None:
        self.store, self.stopped, self.step = store, stopped, step
        self.files = self.segments = self.read_bytes = 0
        self.problems: list[str] = []
        self.notes: list[str] = []

    def run(self, backup: str | None) -> Verified:
        began = time.monotonic()
        before = self._tried(lambda: contents.Known.of(self.store))
        labels, unreadable = self.store.labels()
        after = self._tried(lambda: contents.Known.of(self.store))
        if backup is not None:
            labels, unreadable = self.store.chain(self.store.label(backup)), {}
        self.problems += [f"{name}: {reason}" for name, reason in unreadable.items()]
        for number, label in enumerate(labels):
            self.step(label.id, number / len(labels))
            self._tried(lambda label=label: self._backup(label))  # type: ignore[misc]
        bound = self._tried(lambda: self._bound(labels)) or {}
        if backup is None:
            self._archive(labels)
            self.problems += contents.strangers(self.store, labels[-1].segment_bytes if labels else _SEGMENT)
            self.problems += contents.missing_or_unknown(before, after, labels)
        self.notes += contents.notes_on(labels, after, sealed=SEAL in bound)
        spent = time.monotonic() - began
        return Verified(
            len(labels), self.files, self.segments, self.read_bytes, spent, tuple(self.problems), tuple(self.notes)
        )

    def _tried(self, look: Callable[[], T]) -> T | None:
        try:
            return look()
        except MnemonError as error:
            if error.message not in self.problems:
                self.problems.append(error.message)
        return None

    def _bound(self, labels: list[Label]) -> dict[str, Any]:
        """Return what cluster.json says, if it is the one that was written."""
        check_whole(self.store, labels)
        return self.store.bound()

    def _backup(self, label: Label) -> None:
        self.store.chain(label)
        # On its own: what is in the files is looked at also where there is one too many.
        self._tried(lambda: contents.check_backup(self.store, label))
        directory = self.store.backups / label.id
        with self.store.reading(directory / MANIFEST, label.files) as reader:
            manifest = reader.read()
        with self.store.reading(directory / BASE, label.files) as reader:
            contents_read = tar.walk(_Counted(reader, self), label.id)
        if contents_read.manifest != manifest:
            raise Damaged(f"{label.id} has two manifests that differ.", hint="Use another backup.")
        self.files += len(contents_read.files)

    def _archive(self, labels: list[Label]) -> None:
        size = labels[-1].segment_bytes if labels else _SEGMENT
        archived = self.store.archived(size)
        names = [segment.name for segment in archived]
        for number, name in enumerate([*names, *self.store.histories()]):
            self.step("WAL", number / max(1, len(names)))
            self._tried(lambda name=name: self._segment(name, size))  # type: ignore[misc]
        self.segments = len(names)
        self.problems += [
            f"WAL is missing: {gap.first} to {gap.last}, {gap.count} segments" for gap in gaps(self.store, labels, size)
        ]

    def _segment(self, name: str, size: int) -> None:
        with self.store.reading(self.store.wal_file(name)) as reader:
            counted = _Counted(reader, self)
            total = 0
            while data := counted.read(1 << 20):
                total += len(data)
        if not name.endswith(".history") and total != size:
            raise Damaged(f"{name} has {total} bytes instead of {size}.", hint="Take a full backup now.")


class _Counted:
    def __init__(self, inner: tar.Readable, work: _Work) -> None:
        self._inner, self._work = inner, work

    def read(self, size: int = -1) -> bytes:
        if self._work.stopped.is_set():
            raise InterruptedError
        data = self._inner.read(size)
        self._work.read_bytes += len(data)
        return data


async def rehearse(
    settings: Settings, *, to: str = "latest", work: Path | None = None, step: Step | None = None
) -> Restored:
    """Restore for practice: into a temporary directory, started, checked, every page's checksum compared, removed.

    Args:
        settings: the directory and the keys.
        to: as for a restore.
        work: where the temporary directory is made; it takes as much room as the database.
        step: called with what is being done.

    Raises:
        RestoreFailed: and what else a restore raises; the record of it stays for the doctor.
    """
    store = await asyncio.to_thread(Store.open, settings)
    scratch = await asyncio.to_thread(_temporary, work)
    record: dict[str, object] = {"to": to}
    try:
        restored = await restore(settings, RestoreRequest(scratch / "data", to), step=step)
        if step is not None:
            step("Checking pages", 0.0)
        pages = await asyncio.to_thread(_check_pages, restored.data_dir)
        record |= {"problem": None, "backup": restored.backup, "seconds": sum(restored.seconds.values())}
        restored.checks["pages"] = pages
    except MnemonError as error:
        record |= {"problem": error.message}
        raise
    finally:
        await asyncio.to_thread(_remove, scratch)
        if "problem" in record:
            await asyncio.to_thread(store.note, "rehearsed", record | {"at": datetime.now(UTC).isoformat()})
    return restored


def uncovers(settings: Settings) -> bool:
    """Tell whether a rehearsal would put in plain text on a disk what the server has encrypted there."""
    return settings.database_url is None and Layout.of(data_dir(settings)).is_encrypted


def _temporary(work: Path | None) -> Path:
    place = Path(tempfile.mkdtemp(prefix="mnemon-rehearsal-", dir=work))
    place.chmod(0o755)  # the account of the server has to pass through
    return place


def _remove(place: Path) -> None:
    embedded.stop(place / "data")
    shutil.rmtree(place, ignore_errors=True)


def _check_pages(data_dir: Path) -> int:
    """Compare the checksum of every page; how many there are.

    Raises:
        RestoreFailed: one differs.
    """
    version = int((data_dir / "PG_VERSION").read_text("ascii"))
    process = subprocess.run(  # noqa: S603 - PostgreSQL's program on a directory of ours
        [str(embedded.binaries(version) / "pg_checksums"), "--check", "-D", str(data_dir)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=program_environment({}),
        cwd="/",
        check=False,
    )
    if "not enabled" in process.stderr:
        return 0
    if process.returncode != 0:
        lines = (process.stderr.strip() or process.stdout.strip()).splitlines()
        raise RestoreFailed(
            f"Pages of the restored cluster are damaged: {lines[-1] if lines else 'no words'}.",
            hint="They were so when the backup was taken: check the server (pg_checksums) and its disk.",
            log=lines[-20:],
        )
    summary = [line for line in process.stdout.splitlines() if line.startswith("Blocks scanned")]
    return int(summary[0].split()[-1]) if summary else 0
