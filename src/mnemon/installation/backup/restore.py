"""Bringing a cluster back: into a new directory, to a moment, checked, and never over anything that is there.

The server that was backed up may go on running: nothing is asked of it, the archive is only read, and what is restored
begins a timeline of its own and archives nothing until `mnemon backup enable` is run for it.

The work is done in ``.mnemon/restore`` of the new directory; the cluster moves into place with the file that makes it
one last. Until it is done a mark lies beside it: after a kill the same command clears what is there and begins again.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings
from mnemon.db import embedded
from mnemon.db.embedded import cluster, directory, locks
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.layout import Layout
from mnemon.installation.backup import contents, recover, tar
from mnemon.installation.backup.errors import Damaged, ProgramFailed, RestoreRefused
from mnemon.installation.backup.model import Label, Restored
from mnemon.installation.backup.plan import Plan, Step
from mnemon.installation.backup.seal import CLUSTER
from mnemon.installation.backup.source import free_bytes, program_environment
from mnemon.installation.backup.store import Store, explained
from mnemon.installation.backup.take import BASE, in_thread
from mnemon.installation.backup.target import choose, read_target
from mnemon.installation.backup.wal import needed_for

_MARK = "restoring"
_MAP = re.compile(r"\d+_vm(\.\d+)?")
_PROGRAMS = {16, 18}


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What to bring back, and where.

    Attributes:
        into: a directory that is missing or empty.
        to: see :func:`mnemon.installation.backup.target.read_target`.
        backup: the id of the backup to begin with; the newest that leads there, if left out.
        timeline: which one to follow, where there are several; that of the last archived WAL, if left out.
    """

    into: Path
    to: str = "latest"
    backup: str | None = None
    timeline: int | None = None


async def restore(settings: Settings, request: RestoreRequest, *, step: Step | None = None) -> Restored:
    """Bring the cluster back to a moment, in a new directory, and check it.

    Raises:
        RestoreRefused: the directory is not empty, or a server runs on it.
        BackupNotFound, OutOfReach, WalGap: the moment cannot be reached.
        Damaged, KeyMissing: something of the backup is not whole, or cannot be read.
        RestoreFailed: PostgreSQL did not get there; its words are in the message.
        StorageFull: the disk takes no more.
    """
    store = await asyncio.to_thread(Store.open, settings)
    with store.locked("use", shared=True):
        plan = await asyncio.to_thread(prepare, store, request, step)
        await in_thread(lambda: _build(plan), plan.stopped.set)
        stopped_at, checks = await recover.recover(plan)
        finish(plan)
    return Restored(
        data_dir=plan.layout.data_dir,
        version=plan.label.major,
        embedded=plan.label.embedded,
        backup=plan.label.id,
        chain=tuple(label.id for label in plan.chain),
        to=plan.target.said,
        timeline=checks.pop("timeline"),
        segments=len(plan.segments),
        stopped_at=stopped_at,
        seconds={name: round(spent, 2) for name, spent in plan.seconds.items()},
        checks=checks,
    )


def prepare(store: Store, request: RestoreRequest, step: Step | None, *, any_version: bool = False) -> Plan:
    """See that it can be done, before anything is written; ``any_version`` is for who only decrypts."""
    target = read_target(request.to, store)
    chosen = choose(store, target, request.backup, request.timeline)
    if not any_version and chosen.major not in _PROGRAMS:
        raise Invalid(
            f"The backup is of PostgreSQL {chosen.major}; Mnemon brings back those of 16 and 18.",
            code="backup.version",
            hint="`mnemon backup unpack` decrypts it, and prints the commands for the programs of that version.",
        )
    chain = store.chain(chosen)
    check_whole(store, chain)
    reach = store.reach()
    timeline = request.timeline or (reach.timeline if reach and target.kind != "backup" else chosen.timeline)
    timeline = max(timeline, chosen.timeline)
    segments = [] if target.kind == "backup" else needed_for(store, chosen, timeline, target.at)
    layout = Layout.of(request.into.expanduser().absolute())
    account = server_account()
    if any_version:
        refuse_filled(layout.data_dir)
    else:
        _refuse(layout)
    needed_bytes = sum(label.data_bytes for label in chain) + len(segments) * chosen.segment_bytes
    if needed_bytes > free_bytes(layout.data_dir):
        raise RestoreRefused(
            f"{needed_bytes / 1e9:.1f} GB are needed in {layout.data_dir}, "
            f"and {free_bytes(layout.data_dir) / 1e9:.1f} are free.",
            code="backup.storage_full",
            hint="Choose a directory on a larger disk.",
        )
    return Plan(store, layout, account, target, chain, timeline, segments, step or (lambda _what, _share: None))


def check_whole(store: Store, chain: list[Label]) -> None:
    """See that what is restored is all that was made, and of the server that it is said to be of.

    Raises:
        Damaged: a file was added, changed or taken away; or cluster.json was.
    """
    bound = store.bound()
    for label in chain:
        contents.check_backup(store, label)
        if label.files is not None and label.system_identifier != bound.get("system_identifier"):
            raise Damaged(
                f"{label.id} is of another server than {store.root / CLUSTER} says"
                + ("." if bound else ", which is missing."),
                hint="Take cluster.json from a copy of the directory.",
                backup=label.id,
            )


def refuse_filled(into: Path) -> None:
    """Refuse a directory that holds something.

    Raises:
        RestoreRefused: it does.
    """
    if into.exists() and any(into.iterdir()):
        raise RestoreRefused(
            f"{into} is not empty.",
            hint="Nothing in it was touched. Choose a new or an empty directory.",
            path=str(into),
        )


def _refuse(layout: Layout) -> None:
    """Refuse anything but an empty directory, or one that holds what a restore of ours left half-done."""
    mark = layout.inner / _MARK
    if layout.is_encrypted:
        raise RestoreRefused(
            f"{layout.data_dir} is an encrypted data directory.",
            hint="Restore into a new plain one first, and encrypt that.",
        )
    if locks.is_locked(layout.supervisor_lock) and not mark.exists():
        raise RestoreRefused(
            f"A server runs on {layout.data_dir}.",
            hint="Restore into a new directory, look at it, and only then put it in the other's place.",
        )
    if layout.is_empty() and not layout.staged.exists():
        return
    if not mark.exists():
        refuse_filled(layout.data_dir)
    # Half-done is what has not been promoted yet. Anything else somebody may have worked on since.
    started = (layout.data_dir / "PG_VERSION").exists() and not (layout.data_dir / "recovery.signal").exists()
    if started or locks.is_locked(layout.supervisor_lock):
        raise RestoreRefused(
            f"A restore into {layout.data_dir} was interrupted, and a cluster was started there since.",
            hint="Nothing in it was touched. Look at it with `mnemon status`, or choose another directory.",
            path=str(layout.data_dir),
        )


def _build(plan: Plan) -> None:
    """Do everything up to a directory that PostgreSQL can start in."""
    layout = plan.layout
    with directory.explained(layout.data_dir), explained(layout.data_dir):
        _begin(plan)
        work = layout.inner / "restore"
        work.mkdir(mode=0o700)
        began = time.monotonic()
        parts = [extract(plan, label, work / str(number)) for number, label in enumerate(plan.chain)]
        plan.seconds["extract"] = time.monotonic() - began
        began = time.monotonic()
        whole = _combine(plan, parts, work)
        plan.seconds["combine"] = time.monotonic() - began
        began = time.monotonic()
        lay_out_wal(plan, plan.wal)
        plan.seconds["wal"] = time.monotonic() - began
        _into_place(plan, whole)


def _begin(plan: Plan) -> None:
    """Write the mark, and make an empty directory around it; what an interrupted restore left goes."""
    layout = plan.layout
    mark = layout.inner / _MARK
    if mark.exists():
        embedded.stop(layout.data_dir)
        for path in layout.data_dir.iterdir():
            if path != layout.inner:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in (layout.inner / "restore", plan.wal, layout.staged):
            shutil.rmtree(path, ignore_errors=True)
    directory.prepare(layout, plan.account)
    mark.write_text(json.dumps({"backup": plan.label.id, "to": plan.target.said}), encoding="utf-8")
    cluster.sync(layout.inner)


class _Counted:
    """Reads a backup, says how far, and stops when told to."""

    def __init__(self, inner: tar.Readable, plan: Plan, label: Label, what: str) -> None:
        self._inner, self._plan, self._what = inner, plan, what
        self._done, self._all = 0, max(1, label.data_bytes)

    def read(self, size: int = -1) -> bytes:
        if self._plan.stopped.is_set():
            raise InterruptedError
        data = self._inner.read(size)
        self._done += len(data)
        self._plan.step(self._what, min(1.0, self._done / self._all))
        return data


def extract(plan: Plan, label: Label, target: Path) -> Path:
    """Decrypt one backup into a new directory, and hold it against its manifest."""
    target.mkdir(mode=0o700)
    what = f"Decrypting {label.id}"
    with plan.store.reading(plan.store.backups / label.id / BASE, label.files) as reader:
        tar.walk(_Counted(reader, plan, label, what), label.id, target)
    return target


def _combine(plan: Plan, parts: list[Path], work: Path) -> Path:
    """Return a full backup and those that build on it, as one."""
    if len(parts) == 1:
        return parts[0]
    plan.step("Combining", 0.0)
    program = embedded.binaries(plan.label.major) / "pg_combinebackup"
    whole = work / "whole"
    # "link": what is the same in both is not copied; the parts are removed afterwards.
    link = ["--link"] if plan.label.major >= 18 else []
    process = subprocess.run(  # noqa: S603 - PostgreSQL's program on directories of ours
        [str(program), "--no-sync", *link, "-o", str(whole), *map(str, parts)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=program_environment({}),
        cwd="/",
        check=False,
    )
    if process.returncode != 0:
        lines = process.stderr.strip().splitlines()
        raise ProgramFailed(
            f"pg_combinebackup failed: {'; '.join(lines[-3:]) or 'without a word'}.",
            hint="Use a backup before the first of these: " + ", ".join(label.id for label in plan.chain[1:]),
            log=lines[-20:],
        )
    for part in parts:
        shutil.rmtree(part)
    _drop_visibility_maps(whole)
    return whole


def _drop_visibility_maps(whole: Path) -> None:
    """Remove every visibility map: it may say of changed pages that all can see them, so that counts come out wrong.

    A change that clears a page's bit does not name the map's page in the WAL, so the summaries that incremental
    backups rest on miss it (PostgreSQL 17 and 18; reported to pgsql-hackers in March 2026). Without a map every row is
    looked at, until VACUUM makes a new one.
    """
    for path in (*whole.glob("base/*/*_vm*"), *whole.glob("global/*_vm*")):
        if _MAP.fullmatch(path.name):
            path.unlink()


def lay_out_wal(plan: Plan, into: Path) -> None:
    """Decrypt the WAL for PostgreSQL: its account can neither read the archive nor the key."""
    into.mkdir(mode=0o700, exist_ok=True)
    names = [archived.name for archived in plan.segments]
    names += plan.store.histories()  # all: the number of the new timeline must be one that nobody has used
    for number, name in enumerate(names):
        if plan.stopped.is_set():
            raise InterruptedError
        plan.step("Decrypting WAL", number / len(names))
        with plan.store.reading(plan.store.wal_file(name)) as reader, (into / name).open("wb") as file:
            while data := reader.read(1 << 20):
                file.write(data)


def _into_place(plan: Plan, whole: Path) -> None:
    """Make it the cluster of the directory; PostgreSQL will not start on it without being told where WAL is."""
    layout = plan.layout
    # Control files and logs of the server that was backed up are not this one's.
    for name in (layout.inner.name, layout.server_logs.name):
        shutil.rmtree(whole / name, ignore_errors=True)
    for name in ("postmaster.pid", "standby.signal", tar.MANIFEST):
        (whole / name).unlink(missing_ok=True)
    (whole / "recovery.signal").touch(mode=0o600)
    recover.open_door(plan, whole)
    if plan.account.switch:
        for tree in (whole, plan.wal):
            for folder, _, files in os.walk(tree):
                os.chown(folder, plan.account.uid, plan.account.gid)
                for name in files:
                    os.chown(Path(folder, name), plan.account.uid, plan.account.gid, follow_symlinks=False)
    whole.chmod(0o700)
    whole.rename(layout.staged)
    cluster.adopt_staged(layout)
    shutil.rmtree(layout.inner / "restore")


def finish(plan: Plan) -> None:
    """Remove what only the restore needed, the mark last."""
    shutil.rmtree(plan.wal, ignore_errors=True)
    (plan.layout.inner / _MARK).unlink()
    cluster.sync(plan.layout.inner)


__all__ = ["RestoreRequest", "Step", "restore"]
