"""Taking a backup: pg_basebackup's stream, looked at, compressed and encrypted as it comes, whole or not at all."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from mnemon.core.settings import Settings
from mnemon.installation.backup import contents, tar
from mnemon.installation.backup.errors import Damaged, ProgramFailed
from mnemon.installation.backup.model import Kind, Label, Listed, Taken, parse_lsn
from mnemon.installation.backup.seal import ENDING, LABEL, PARTIAL
from mnemon.installation.backup.sealed import SealedWriter
from mnemon.installation.backup.source import Source, open_source, program_environment
from mnemon.installation.backup.store import Store, explained, sync
from mnemon.installation.backup.wal import pull

T = TypeVar("T")
#: Called with the bytes that are done and, where that is known, all there will be.
Progress = Callable[[int, int | None], None]

BASE, MANIFEST = f"base.tar{ENDING}", f"manifest{ENDING}"
_SUMMARIES = ("WAL summaries are required", "summarize_wal")
_WAIT = 120.0  # seconds for somebody who fetches WAL to end
_TOLD = 20_000_000  # bytes between two calls of progress


async def take(settings: Settings, kind: Kind = "full", *, progress: Progress | None = None) -> Taken:
    """Take a backup of the whole server, and fetch the WAL up to its end.

    An incremental one holds what changed since the last backup, and needs PostgreSQL 17. Where it cannot be, as
    without a backup to build on, a full one is made and the answer says why. Interrupted anywhere, nothing of it is
    listed; the next one removes what is left.

    Raises:
        Busy: somebody else takes one.
        ProgramFailed: pg_basebackup ended with an error.
        StorageFull: the directory takes no more.
    """
    began = time.monotonic()
    store = await asyncio.to_thread(Store.open, settings)
    async with open_source(settings) as source:
        store.bind(source.facts.system_identifier)
        with store.locked("take"):
            with explained(store.root):
                store.clear_partial()
            await pull(source, store, wait=_WAIT)  # the slot is there before the backup begins: its WAL stays
            parent, note = None, None
            if kind == "incremental":
                parent, note = await _parent(source, store)
            try:
                label = await _run(source, store, parent, progress)
            except ProgramFailed as error:
                if parent is None or not any(word in str(error.data.get("log")) for word in _SUMMARIES):
                    raise
                note = "The server's summaries of the WAL do not go back to the last backup: a full one was made."
                label = await _run(source, store, None, progress)
            wal = await pull(source, store, wait=_WAIT)
    return Taken(label, time.monotonic() - began, wal, note)


async def _parent(source: Source, store: Store) -> tuple[Label | None, str | None]:
    """Return the backup to build on, or why there is none."""
    if source.facts.major < 17:
        return None, (
            f"PostgreSQL {source.facts.major} has no incremental backups (17 has): a full one was made. "
            "The archive of the WAL leads to every moment all the same."
        )
    if source.facts.summarize_wal != "on":
        return None, "summarize_wal is off, so a full one was made. `mnemon backup enable` turns it on."
    timeline = int(await source.connection.fetchval("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"), 16)
    labels, _ = store.labels()
    for label in reversed(labels):
        if label.timeline == timeline and label.major == source.facts.major:
            try:
                for ancestor in store.chain(label):
                    contents.check_backup(store, ancestor)
            except Damaged:
                continue
            return label, None
    return None, "There is no backup to build on: a full one was made."


async def _run(source: Source, store: Store, parent: Label | None, progress: Progress | None) -> Label:
    """Return one run of pg_basebackup into the directory of backups."""
    started = await source.now()
    kind: Kind = "incremental" if parent else "full"
    name = f"{started:%Y%m%dT%H%M%S.%fZ}-{kind}"
    work = store.backups / f"{PARTIAL}{name}"
    total = None
    if parent is None:
        total = await source.connection.fetchval("SELECT sum(pg_database_size(oid))::bigint FROM pg_database")
    streamed = _Streamed(source, store, work, parent, _Told(progress, total))
    result = await in_thread(streamed.run, streamed.stop)
    try:
        return await _finish(source, store, work, (name, kind, parent, started), result)
    except BaseException:
        clear(work)
        raise


@dataclass(frozen=True)
class _Found:
    contents: tar.Contents
    stored: Listed


async def _finish(
    source: Source, store: Store, work: Path, told: tuple[str, Kind, Label | None, datetime], found: _Found
) -> Label:
    """Write the label, and with it in place give the directory its name."""
    name, kind, parent, started = told
    ranges = tar.read_manifest(found.contents.manifest)["WAL-Ranges"]
    row = await source.connection.fetchrow(
        "SELECT clock_timestamp() AS at, pg_snapshot_xmin(pg_current_snapshot())::text AS oldest"
    )
    label = Label(
        id=name,
        kind=kind,
        parent=parent.id if parent else None,
        started_at=started,
        finished_at=row["at"],
        system_identifier=source.facts.system_identifier,
        version=source.facts.version,
        timeline=ranges[-1]["Timeline"],
        segment_bytes=source.facts.segment_bytes,
        start_lsn=min(parse_lsn(wal_range["Start-LSN"]) for wal_range in ranges),
        end_lsn=max(parse_lsn(wal_range["End-LSN"]) for wal_range in ranges),
        oldest_running=int(row["oldest"]),
        data_bytes=found.contents.data_bytes,
        stored_bytes=found.stored.size,
        embedded=source.is_embedded,
        superuser=source.facts.superuser,
        database="mnemon" if source.is_embedded else source.facts.database,
    )
    return _publish(store, work, label, found)


def _publish(store: Store, work: Path, label: Label, found: _Found) -> Label:
    """Make a backup that is whole one that counts, with the list of its files."""
    with explained(store.root):
        with store.writing(work / MANIFEST) as writer:
            writer.write(found.contents.manifest)
        files = {BASE: found.stored, MANIFEST: Listed(writer.sealed_bytes, writer.sha256)}
        label = replace(label, files=files)
        store.put_json(work / LABEL, label.as_json())
        contents.announce(store, [label.id])
        work.rename(store.backups / label.id)
        sync(store.backups)
        contents.settle(store)
    return label


class _Told:
    """Progress, not for each block."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self._progress, self._total = progress, total
        self._done = self._next = 0

    def add(self, count: int) -> None:
        self._done += count
        if self._progress is not None and self._done >= self._next:
            self._next = self._done + _TOLD
            # The estimate is of the databases alone; a bar does not go beyond its end.
            self._progress(self._done, max(self._total, self._done) if self._total else None)


class _Tee:
    """Reads a stream, and seals all that goes by."""

    def __init__(self, source: tar.Readable, sink: SealedWriter, told: _Told, stop: threading.Event) -> None:
        self._source, self._sink, self._told, self._stop = source, sink, told, stop

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        if self._stop.is_set():
            raise InterruptedError
        self._sink.write(data)
        self._told.add(len(data))
        return data


class _Streamed:
    """The part of a backup that runs in a thread."""

    def __init__(self, source: Source, store: Store, work: Path, parent: Label | None, told: _Told) -> None:
        self.source, self.store, self.work, self.parent, self.told = source, store, work, parent, told
        self.stopped = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """End soon; called from another thread."""
        self.stopped.set()
        if self.process is not None:
            self.process.kill()

    def run(self) -> _Found:
        try:
            with tempfile.TemporaryDirectory(prefix="mnemon-backup-") as scratch, explained(self.store.root):
                self.work.mkdir(mode=0o700)
                return self._stream(Path(scratch))
        except BaseException:
            clear(self.work)
            raise

    def _stream(self, scratch: Path) -> _Found:
        # "fetch": the WAL that makes the backup consistent is in it, so it can be restored without the archive.
        command = [str(self.source.programs / "pg_basebackup"), "-D", "-", "-Ft", "-X", "fetch", "--checkpoint=fast"]
        command += ["--manifest-checksums=SHA256", "--no-password"]
        if self.parent is not None:
            parent_manifest = scratch / "manifest"
            sealed_manifest = self.store.backups / self.parent.id / MANIFEST
            with self.store.reading(sealed_manifest, self.parent.files) as reader:
                parent_manifest.write_bytes(reader.read())
            command += [f"--incremental={parent_manifest}"]
        errors = scratch / "errors"
        with errors.open("wb") as error_file:
            # As the user that runs this: it writes nothing but its output, so it needs no account of its own.
            self.process = subprocess.Popen(  # noqa: S603 - PostgreSQL's program, no shell; the password is no argument
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=error_file,
                env=program_environment(self.source.environment),
                cwd="/",
            )
        try:
            with self.process as process, self.store.writing(self.work / BASE) as sink:
                assert process.stdout is not None  # noqa: S101 - a pipe was asked for
                tee = _Tee(process.stdout, sink, self.told, self.stopped)
                try:
                    streamed = tar.walk(tee, self.work.name.removeprefix(PARTIAL))
                except Damaged:
                    if process.wait() == 0:
                        raise
                if process.wait() != 0:
                    raise _failed(errors.read_text("utf-8", "replace"))
        finally:
            if self.process.poll() is None:
                self.process.kill()
        return _Found(streamed, Listed(sink.sealed_bytes, sink.sha256))


def _failed(log: str) -> ProgramFailed:
    lines = [line.removeprefix("pg_basebackup: ").removeprefix("error: ") for line in log.splitlines() if line.strip()]
    hint = "The server's own log may say more."
    if "tablespaces" in log:
        hint = "Servers with tablespaces of their own are not backed up by this command."
    if "SSL" in log:
        hint = "The programs that come with Mnemon have no TLS: name others in MNEMON_BACKUP_PROGRAMS."
    if "pg_hba.conf" in log:
        hint = "Allow the role in the server's pg_hba.conf for the database `replication`."
    return ProgramFailed(
        f"pg_basebackup failed: {'; '.join(lines[-3:]) or 'without a word'}.", hint=hint, log=lines[-20:]
    )


def clear(work: Path) -> None:
    """Remove what was being made."""
    shutil.rmtree(work, ignore_errors=True)


async def in_thread(work: Callable[[], T], stop: Callable[[], Any]) -> T:
    """Run in a thread; cancelled, it is told to stop and waited for, so that nothing goes on behind one's back."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # it was told to stop: how it ended says nothing
        raise
