"""Backups as the doctor sees them: how old, how far the archive goes, what failed, when one was last tried out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.installation.backup.alerts import failures
from mnemon.installation.backup.errors import Damaged
from mnemon.installation.backup.model import BackupListing, Label
from mnemon.installation.backup.retention import listing
from mnemon.installation.backup.store import Store
from mnemon.installation.backup.wal import open_gaps, slot_name
from mnemon.installation.doctor.model import Finding, Level

if TYPE_CHECKING:
    import asyncpg

#: A day and an hour, as long as a daily one takes at most; two of the hourly ones; three of the five-minute ones.
_FULL, _ANY, _WAL = timedelta(hours=25), timedelta(hours=2), timedelta(minutes=15)
_VERIFIED, _REHEARSED = timedelta(days=8), timedelta(days=8)
_SLOT = """
SELECT wal_status, (pg_current_wal_lsn() - restart_lsn)::bigint AS held FROM pg_replication_slots WHERE slot_name = $1
"""
_ARCHIVER = """
SELECT current_setting('archive_mode') <> 'off' AS archives, last_failed_wal, last_failed_time,
  last_failed_time > coalesce(last_archived_time, '-infinity') AS failing
FROM pg_stat_archiver
"""


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check the backups.

    Args:
        connection: the owner's where there is one, else the application's; with fewer rights less is found.
        wanted: the directory and the keys.
    """
    if wanted.backup_dir is None:
        return [
            Finding(
                "backups",
                "note",
                "none: MNEMON_BACKUP_DIR is not set",
                "docs/backup.md says how to begin; a copy of the server elsewhere is no backup.",
            )
        ]
    try:
        backups = await listing(wanted)
        store = await asyncio.to_thread(Store.open, wanted)
        records = {name: await asyncio.to_thread(store.noted, name) for name in ("verified", "rehearsed")}
    except (MnemonError, OSError) as error:
        reason = error.message if isinstance(error, MnemonError) else type(error).__name__
        hint = error.hint if isinstance(error, MnemonError) else "Look at the directory."
        return [Finding("backups", "wrong", reason, hint), *_failed(wanted)]
    now = datetime.now(UTC)
    return [
        *_ages(backups, now),
        *_archive(backups, now),
        *await _server(connection, store),
        _record("backups verified", records["verified"], now - _VERIFIED, "mnemon backup verify"),
        _record("restore rehearsed", records["rehearsed"], now - _REHEARSED, "mnemon backup verify --rehearse"),
        *_failed(wanted),
    ]


def _ages(found: BackupListing, now: datetime) -> list[Finding]:
    findings = [
        Finding(f"backup {name}", "wrong", reason, "Take a full backup; then remove this one.")
        for name, reason in found.problems.items()
    ]
    last = {
        kind: _last([backup for backup in found.backups if kind in {"any", backup.kind}]) for kind in ("full", "any")
    }
    for subject, label, most, command in (
        ("last full backup", last["full"], _FULL, "mnemon backup full"),
        ("last backup", last["any"], _ANY, "mnemon backup incremental"),
    ):
        if label is None:
            findings.append(
                Finding(subject, "wrong", "there is none", f"Run `{command}`, and a worker for the schedules.")
            )
            continue
        late = now - label.finished_at > most
        findings.append(
            Finding(
                subject,
                "wrong" if late else "ok",
                f"{label.id}, {_ago(label.finished_at, now)}",
                f"Run `{command}`; a worker on the machine that has MNEMON_BACKUP_DIR does it by itself."
                if late
                else None,
            )
        )
    return findings


def _last(labels: list[Label]) -> Label | None:
    return labels[-1] if labels else None


def _archive(found: BackupListing, now: datetime) -> list[Finding]:
    if found.reach is None:
        return [Finding("WAL archive", "wrong", "nothing was fetched yet", "Run `mnemon backup enable`.")]
    late = now - found.reach.at > _WAL
    findings = [
        Finding(
            "WAL archive",
            "wrong" if late else "ok",
            f"{found.segments} segments, up to {_ago(found.reach.at, now)}",
            "Run `mnemon backup wal`, or a worker: what was written since is on the server alone." if late else None,
        )
    ]
    for gap in found.gaps:
        healed = not open_gaps([gap], list(found.backups))
        level: Level = "note" if healed else "wrong"
        findings.append(
            Finding(
                "gap in the WAL archive",
                level,
                f"{gap.count} segments from {gap.first} to {gap.last}"
                + ("; backups after it lead on" if healed else ""),
                None if healed else "Run `mnemon backup incremental` now: no moment after the gap can be restored.",
            )
        )
    return findings


async def _server(connection: Any, store: Store) -> list[Finding]:
    """Check the slot that holds back WAL, and the server's own archiver where it has one."""
    findings = []
    try:
        name = str(store.bound().get("name", ""))
        row = await connection.fetchrow(_SLOT, slot_name(name))
        archiver = await connection.fetchrow(_ARCHIVER)
    except Damaged as error:
        return [Finding("directory of backups", "wrong", error.message, error.hint)]
    except Exception as error:  # a replica, or a role that may see nothing: the rest of the findings stands
        return [Finding("backup slot", "note", f"cannot be looked at ({type(error).__name__})", None)]
    if row is None:
        findings.append(
            Finding(
                "backup slot",
                "wrong",
                "there is none: the server may remove WAL before it is fetched",
                "Run `mnemon backup enable`.",
            )
        )
    else:
        lost = row["wal_status"] in {"lost", "unreserved"}
        findings.append(
            Finding(
                "backup slot",
                "wrong" if lost else "ok",
                f"{row['wal_status']}; {(row['held'] or 0) / 1e6:,.0f} MB are held back for it",
                "Run `mnemon backup wal`, then `mnemon backup full`." if lost else None,
            )
        )
    if archiver["archives"] and archiver["failing"]:
        findings.append(
            Finding(
                "archive_command",
                "wrong",
                f"the server's own fails, last with {archiver['last_failed_wal']} at {archiver['last_failed_time']}",
                "Look at the server's log. Mnemon's archive does not use it; turn archive_mode off if nothing does.",
            )
        )
    return findings


def _record(what: str, told: dict[str, Any] | None, since: datetime, command: str) -> Finding:
    if told is None:
        return Finding(what, "note", "never", f"Run `{command}`: a backup that was never read is a hope.")
    at = datetime.fromisoformat(told["at"])
    problems = told.get("problems") or ([told["problem"]] if told.get("problem") else [])
    if problems:
        return Finding(what, "wrong", f"failed: {problems[0]}", f"Take a full backup, then run `{command}`.")
    late = at < since
    return Finding(what, "note" if late else "ok", _ago(at, datetime.now(UTC)), f"Run `{command}`." if late else None)


def _failed(wanted: Settings) -> list[Finding]:
    return [
        Finding(
            f"backup: {what}",
            "wrong",
            f"failed at {told.get('at', '?')}: {told.get('message', '?')}",
            told.get("hint") or f"Run `mnemon backup {what}`.",
        )
        for what, told in sorted(failures(wanted).items())
    ]


def _ago(at: datetime, now: datetime) -> str:
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 120:
        return f"{max(0, minutes)} min ago"
    return f"{minutes // 60} h ago" if minutes < 2880 else f"{minutes // 1440} days ago"
