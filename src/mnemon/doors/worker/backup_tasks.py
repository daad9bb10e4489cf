"""Backups in the background: their handlers and schedules, for workers that have a directory for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Any

from mnemon.context import Context
from mnemon.core.errors import Forbidden, MnemonError
from mnemon.core.principal import INSTALLATION, Principal
from mnemon.core.settings import Settings
from mnemon.identity import service as identity
from mnemon.installation import backup
from mnemon.jobs import service as jobs
from mnemon.jobs.registry import Registry
from mnemon.jobs.run import Run
from mnemon.jobs.schemas import Enqueue, SetSchedule

_REGISTRY = Registry()
_EVERY = 2.0  # seconds between two words on how far it is
_AGAIN = timedelta(days=1)

#: Made when a worker starts that has a directory for backups; what somebody changed of them stays as it is.
_SCHEDULES = (
    SetSchedule(name="backup-full", kind="backup.full", daily_at=time(2, 10), max_attempts=4),
    SetSchedule(name="backup-incremental", kind="backup.incremental", every_seconds=3600, max_attempts=3),
    SetSchedule(name="backup-wal", kind="backup.wal", every_seconds=300, max_attempts=1, priority=30),
    SetSchedule(name="backup-retention", kind="backup.prune", daily_at=time(5, 10), max_attempts=3),
    SetSchedule(name="backup-verify", kind="backup.verify", every_seconds=7 * 86_400, max_attempts=2),
    SetSchedule(name="backup-rehearse", kind="backup.rehearse", every_seconds=7 * 86_400, max_attempts=2),
)

#: Said between two words of progress, from whatever thread: percent, and at what.
Say = Callable[[int, str], None]


def handlers(settings: Settings) -> Registry:
    """Return the handlers of a worker: none where no directory is set, so that it leaves these jobs to others."""
    return _REGISTRY if settings.backup_dir is not None else Registry()


def schedules(settings: Settings) -> tuple[SetSchedule, ...]:
    """Return the schedules of the installation, as far as this worker can do what they ask for."""
    return _SCHEDULES if settings.backup_dir is not None else ()


@_REGISTRY.handler("backup.full", base_delay=60)
async def full(run: Run) -> dict[str, Any]:
    """Make a full backup (REQ-T109)."""
    return await _take(run, "full")


@_REGISTRY.handler("backup.incremental", base_delay=60)
async def incremental(run: Run) -> dict[str, Any]:
    """Back up what changed since the last one (REQ-T109)."""
    return await _take(run, "incremental")


async def _take(run: Run, kind: backup.Kind) -> dict[str, Any]:
    async def work(settings: Settings, say: Say) -> dict[str, Any]:
        def progress(done: int, total: int | None) -> None:
            say(min(99, done * 100 // total) if total else 0, f"{done / 1e6:,.0f} MB")

        taken = await backup.take(settings, kind, progress=progress)
        label = taken.backup
        return {"backup": label.id, "stored_bytes": label.stored_bytes, "seconds": taken.seconds, "note": taken.note}

    return await _done(run, kind, work)


@_REGISTRY.handler("backup.wal")
async def wal(run: Run) -> dict[str, Any]:
    """WAL into the archive (REQ-T110)."""

    async def work(settings: Settings, _say: Say) -> dict[str, Any]:
        try:
            pulled = await backup.pull_wal(settings)
        except backup.WalGap:
            # Nothing behind it can be restored until there is another backup: not in an hour, now.
            await jobs.enqueue(run.ctx, Enqueue(kind="backup.incremental", idempotency_key="gap", max_attempts=3))
            raise
        return {"segments": pulled.segments, "reach": pulled.reach.at.isoformat()}

    return await _done(run, "wal", work)


@_REGISTRY.handler("backup.prune", base_delay=60)
async def prune(run: Run) -> dict[str, Any]:
    """Remove what is past its days."""

    async def work(settings: Settings, _say: Say) -> dict[str, Any]:
        gone = await backup.prune(settings)
        return {"backups": list(gone.backups), "segments": gone.segments, "freed_bytes": gone.freed_bytes}

    return await _done(run, "prune", work)


@_REGISTRY.handler("backup.verify", base_delay=600)
async def verify(run: Run) -> dict[str, Any]:
    """Read every byte of the backups and of the archive."""

    async def work(settings: Settings, say: Say) -> dict[str, Any]:
        found = await backup.verify(settings, step=lambda what, share: say(int(share * 99), what))
        backup.require_whole(found)
        return {"backups": found.backups, "segments": found.segments, "read_bytes": found.read_bytes}

    return await _done(run, "verify", work)


@_REGISTRY.handler("backup.rehearse", base_delay=600)
async def rehearse(run: Run) -> dict[str, Any]:
    """Restore for practice, where there is room for it."""

    async def work(settings: Settings, say: Say) -> dict[str, Any]:
        if backup.uncovers(settings):
            return {"skipped": "The data directory is encrypted, and a rehearsal is not: run it by hand, with --work."}
        try:
            rehearsal = await backup.rehearse(settings, step=lambda what, share: say(int(share * 99), what))
        except MnemonError as error:
            if error.code not in {"backup.storage_full", "backup.version"}:
                raise
            return {"skipped": error.message}
        return {"backup": rehearsal.backup, "seconds": rehearsal.seconds, "checks": rehearsal.checks}

    return await _done(run, "rehearse", work)


async def _done(run: Run, what: str, work: Callable[[Settings, Say], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Do it, say how far it is, and tell whom it concerns when it fails."""
    if run.job.organization_id != INSTALLATION:
        raise Forbidden("Backups are the installation's own work.", code="forbidden.installation")
    settings = run.ctx.settings
    messages: list[tuple[int, str]] = []
    teller = asyncio.create_task(_tell(run, messages))
    try:
        result = await work(settings, lambda percent, message: messages.append((percent, message)))
    except backup.Busy as error:
        return {"skipped": error.message}
    except Exception as error:
        if not _told_today(settings, what, error):
            await backup.alert(settings, what, error, await _for_the_log(run.ctx))
        raise
    finally:
        teller.cancel()
        with suppress(asyncio.CancelledError, MnemonError):
            await teller
    await backup.settled(settings, what)
    return result


def _told_today(settings: Settings, what: str, error: Exception) -> bool:
    """Tell whether the same failure was told less than a day ago: an alarm every five minutes is read by nobody."""
    last = backup.failures(settings).get(what)
    if last is None or last.get("code") != getattr(error, "code", "unexpected"):
        return False
    return datetime.now(UTC) - datetime.fromisoformat(last["at"]) < _AGAIN


async def _tell(run: Run, told: list[tuple[int, str]]) -> None:
    while True:
        await asyncio.sleep(_EVERY)
        if told:
            latest = told[-1]
            told.clear()
            await run.progress(*latest)


async def _for_the_log(ctx: Context) -> Context | None:
    """Return the organisation of the settings: the installation itself has no error log."""
    try:
        return ctx.as_principal(Principal(await identity.ensure_organization(ctx.database, ctx.settings.organization)))
    except MnemonError:
        return None
