"""pg_basebackup: a copy of a running primary that follows it once it is started."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from mnemon.core.errors import Forbidden, MnemonError, Unavailable
from mnemon.db.embedded.account import Account

#: A replica's own settings. What it replays waits two seconds for reads that are in its way, and then ends them: they
#: go on at the primary, and the lag stays small. With the feedback most are never in the way. A primary that is gone is
#: looked for twice a second, because a promotion waits for the end of the pause between two looks. And promoted by
#: hand, it would inherit standbys that commits wait for, and have none.
SETTINGS = {
    "hot_standby": "on",
    "hot_standby_feedback": "on",
    "max_standby_streaming_delay": "2s",
    "wal_retrieve_retry_interval": "500ms",
    "synchronous_standby_names": "",
}


def conninfo(parts: Mapping[str, str]) -> str:
    """Return a connection string of libpq's."""

    def quoted(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    return " ".join(f"{name}={quoted(value)}" for name, value in parts.items())


async def copy_primary(
    program: Path,
    target: Path,
    source: Mapping[str, str],
    *,
    slot: str,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Copy a primary into an empty directory, with a new slot, as a replica that would start following.

    Args:
        program: ``pg_basebackup``.
        target: where the copy goes.
        source: how libpq connects, without a password: command lines can be read by others.
        slot: the replication slot to make.
        account: as whom it runs, where that is not this process's user.
        environment: of the program; ``PGPASSWORD`` among it where one is needed.

    Raises:
        Forbidden: the role may not replicate.
        Unavailable: the copy failed; nothing of it counts.
    """
    switch = account is not None and account.switch
    process = await asyncio.create_subprocess_exec(
        str(program),
        *("--pgdata", str(target), "--wal-method=stream", "--checkpoint=fast", "--write-recovery-conf"),
        *("--create-slot", "--slot", slot, "--no-password", "--dbname", conninfo(source)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        env=dict(environment or {}),
        user=account.uid if account and switch else None,
        group=account.gid if account and switch else None,
        extra_groups=[] if switch else None,
        umask=0o077,
    )
    try:
        _, errors = await process.communicate()
    except BaseException:
        process.terminate()
        await process.wait()
        raise
    if process.returncode:
        raise _failure(errors.decode("utf-8", "replace"))
    _settle(target)


def _settle(target: Path) -> None:
    # The primary's control files, where it is an embedded server: locks and marks that are not the copy's.
    shutil.rmtree(target / ".mnemon", ignore_errors=True)
    lines = [f"{name} = '{value}'\n" for name, value in SETTINGS.items()]
    with (target / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.writelines(lines)  # the last of several lines counts
        file.flush()
        os.fsync(file.fileno())


def _failure(said: str) -> MnemonError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last_lines = "\n".join(lines[-4:])
    if (
        "permission denied" in last_lines and "replication" in last_lines.lower()
    ) or "must be superuser or replication" in last_lines:
        return Forbidden(
            f"The role may not replicate.\n{last_lines}",
            code="forbidden.replication",
            hint="An administrator runs: ALTER ROLE <role> REPLICATION.",
        )
    if "pg_hba.conf" in last_lines:
        return Forbidden(
            f"The server lets no replica in from here.\n{last_lines}",
            code="forbidden.replication",
            hint="Its pg_hba.conf needs a line for the database `replication`, this role and this host.",
        )
    return Unavailable(
        f"The copy of the primary failed.\n{last_lines}",
        code="unavailable.replica_copy",
        hint="Nothing of it counts: remove what it left in the directory, and add the replica again.",
    )
