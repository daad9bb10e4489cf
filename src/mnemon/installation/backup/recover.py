"""The end of a restore: PostgreSQL replays the WAL up to the moment, and what came out is looked at."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

from mnemon.core.errors import MnemonError
from mnemon.db import embedded
from mnemon.db.connection import connect
from mnemon.db.embedded import cluster
from mnemon.db.embedded.processes import PidFile
from mnemon.db.engine import OWNER_PATH
from mnemon.db.errors import translated
from mnemon.installation.backup.errors import RestoreFailed
from mnemon.installation.backup.plan import Plan
from mnemon.operations.trail import verify

_HOURS = 24 * 3600.0
_LOOK = 0.05  # seconds between two looks
_FATAL = "FATAL:"
_ENDED_BEFORE = "recovery ended before configured recovery target was reached"
_STOPPED = re.compile(r"LOG:\s+(recovery stopping (?:before|after) .*|last completed transaction was .*)$")
_TABLES = ("organizations", "users", "agents", "conversations", "messages", "memories", "audit_logs")
_HBA = "pg_hba.conf"
_OPEN_HBA = "# For the check of a restore; the file of the backup comes back after it.\nlocal all all trust\n"


def open_door(plan: Plan, whole: Path) -> None:
    """Let the check into a cluster of the user's own through the private socket, and let it start here."""
    if plan.label.embedded:
        return
    hba = whole / _HBA
    if hba.exists():
        hba.rename(whole / f"{_HBA}.saved")
    hba.write_text(_OPEN_HBA, encoding="utf-8")
    if not (whole / "postgresql.conf").exists():  # Debian keeps it elsewhere
        (whole / "postgresql.conf").write_text("# Put your own settings here.\n", encoding="utf-8")


def _close_door(plan: Plan) -> None:
    if plan.label.embedded:
        return
    hba = plan.layout.data_dir / _HBA
    saved = hba.with_name(f"{_HBA}.saved")
    if saved.exists():
        saved.replace(hba)
    else:
        hba.unlink(missing_ok=True)


async def recover(plan: Plan) -> tuple[str, dict[str, Any]]:
    """Replay, check, and stop the server again; where recovery stopped, and what was found.

    Raises:
        RestoreFailed: PostgreSQL did not get to the moment.
    """
    began = time.monotonic()
    plan.step("Replaying WAL", 0.0)
    lease = await _replay(plan)
    try:
        plan.seconds["recover"] = time.monotonic() - began
        began = time.monotonic()
        plan.step("Checking", 0.0)
        checks = await check(lease.endpoint, plan.label.superuser, plan.label.database)
    finally:
        lease.close()
        await asyncio.to_thread(embedded.stop, plan.layout.data_dir, timeout=600.0)
    plan.seconds["check"] = time.monotonic() - began
    stopped_at = _where(plan)
    _close_door(plan)
    return stopped_at, checks


async def _replay(plan: Plan) -> embedded.Lease:
    """Start the server in recovery, and wait until it has ended and the new timeline begun."""
    options = {
        # The working directory of PostgreSQL is the data directory.
        "restore_command": 'cp ".mnemon/wal/%f" "%p"',
        "recovery_target_timeline": str(plan.timeline),
        "recovery_target_action": "promote",
        "hot_standby": "off",  # it counts as started when it is at the moment, not before
        "archive_mode": "off",
        "ssl": "off",
        "shared_preload_libraries": "",
    }
    target = plan.target.settings()
    try:
        return await _start(plan, {**options, **target}, to_the_end=not target)
    except RestoreFailed as error:
        ended = any(_ENDED_BEFORE in line for line in error.data["log"])
        if ended and plan.target.kind == "time":
            # The archive reaches beyond the moment, and nothing was committed between it and the archive's end.
            return await _start(plan, options, to_the_end=True)
        if not ended:
            raise
        raise RestoreFailed(
            f"{plan.target.said} is not in the WAL that follows {plan.label.id}.",
            hint="It was before that backup, and --from names an earlier one; or it never committed.",
            log=error.data["log"],
        ) from None


async def _start(plan: Plan, options: dict[str, str], *, to_the_end: bool) -> embedded.Lease:
    """Start, and wait for the promotion.

    Raises:
        RestoreFailed: PostgreSQL ended before it, with its own reason; or it was to go to the end of the WAL and took
            something before that for the end.
    """
    directory = plan.layout.data_dir
    seen = {path: path.stat().st_size for path in cluster.server_log_files(plan.layout)}
    try:
        lease = await asyncio.to_thread(
            embedded.acquire,
            directory,
            version=plan.label.major,
            start_timeout=_HOURS,
            linger_seconds=0.5,
            options=options,
        )
    except MnemonError as error:
        raise _failed(plan, [*error.data.get("log", []), error.message]) from None
    try:
        await _promoted(plan, seen)
        if to_the_end:
            _refuse_early_end(plan)
    except BaseException:
        lease.close()
        await asyncio.to_thread(embedded.stop, directory, timeout=600.0)
        raise
    return lease


async def _promoted(plan: Plan, seen: dict[Path, int]) -> None:
    place = plan.layout.data_dir
    while (found := PidFile.read(place)) is None or found.status != "ready":
        lines = _new_lines(plan, seen)
        if any(_FATAL in line for line in lines) or embedded.status(place).phase in {"failed", "stopped"}:
            raise _failed(plan, lines)
        replayed = sum("restored log file" in line for line in lines)
        plan.step("Replaying WAL", min(1.0, replayed / max(1, len(plan.segments))))
        await asyncio.sleep(_LOOK)


def _refuse_early_end(plan: Plan) -> None:
    """Refuse a WAL that ends in a record that makes no sense: what follows would be missing unnoticed."""
    lines = _new_lines(plan, {})
    last = max((archived.segment for archived in plan.segments), default=None)
    name = last.name(plan.label.segment_bytes) if last else ""
    if last and not any(f'restored log file "{name}"' in line for line in lines):
        raise RestoreFailed(
            f"PostgreSQL took a place before the last segment ({name}) for the end of the WAL.",
            hint="`mnemon backup verify` says whether the archive is whole; `--to` an earlier time, or another --from.",
            log=lines[-40:],
        )


def _new_lines(plan: Plan, seen: dict[Path, int]) -> list[str]:
    """Return what the server has logged since it was started."""
    lines: list[str] = []
    for path in cluster.server_log_files(plan.layout):
        with path.open("rb") as file:
            file.seek(seen.get(path, 0))
            lines += file.read().decode("utf-8", "replace").splitlines()
    return lines


def _failed(plan: Plan, lines: list[str]) -> RestoreFailed:
    fatal = [line.split(_FATAL, 1)[1].strip() for line in lines if _FATAL in line]
    said = fatal[0] if fatal else (lines[-1] if lines else "without a word")
    return RestoreFailed(
        f"PostgreSQL did not come to {plan.target.said}: {said}",
        hint="The directory is no use yet; the same command begins again, and --from names another backup.",
        log=lines[-40:],
    )


def _where(plan: Plan) -> str:
    """Return what PostgreSQL's log says of the end of recovery."""
    found = [
        match.group(1)
        for path in cluster.server_log_files(plan.layout)
        for line in path.read_text("utf-8", "replace").splitlines()
        if (match := _STOPPED.search(line))
    ]
    return "; ".join(dict.fromkeys(found)) or "the end of the archive; nothing had to be replayed"


async def check(endpoint: embedded.Endpoint, role: str, database: str) -> dict[str, Any]:
    """Look at a cluster that was brought back: the schema's revision, rows, and the chain of every audit trail.

    Raises:
        RestoreFailed: a table cannot be read, or a trail is broken.
    """
    with translated():
        connection = await connect(
            host=str(endpoint.socket_dir),
            port=endpoint.port,
            user=role,
            database=database,
            timeout=60,
            server_settings=OWNER_PATH,
        )
        try:
            row = await connection.fetchrow("SELECT timeline_id FROM pg_control_checkpoint()")
            checks: dict[str, Any] = {"timeline": row["timeline_id"]}
            if not await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
                return checks | {"revision": None}
            checks["revision"] = await connection.fetchval("SELECT version_num FROM alembic_version")
            checks["rows"] = {}
            for table in _TABLES:
                if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
                    checks["rows"][table] = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
            checks["audit_trails"] = await _trails(connection)
        finally:
            await connection.close()
    return checks


async def _trails(connection: Any) -> int:
    """Hold each sealed audit trail against its chain; how many there are."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        organizations = await connection.fetch("SELECT DISTINCT organization_id FROM audit_blocks")
        for row in organizations:
            verdict = await verify(connection, row["organization_id"], None)
            if verdict.broken:
                raise RestoreFailed(
                    f"The audit trail of {row['organization_id']} is broken after the restore: {verdict.problem}.",
                    hint="Use another backup, and see `mnemon audit verify` on the server that was backed up.",
                )
    return len(organizations)
