"""Decrypting what a restore needs and going no further: for versions of PostgreSQL that Mnemon does not bring along."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import dataclass
from pathlib import Path

from mnemon.core.settings import Settings
from mnemon.installation.backup.plan import Plan, Step
from mnemon.installation.backup.restore import RestoreRequest, extract, lay_out_wal, prepare
from mnemon.installation.backup.store import Store, explained
from mnemon.installation.backup.take import clear, in_thread


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Plain files, and what is left to do with them.

    Attributes:
        version: PostgreSQL's major version, whose programs are needed.
        commands: for a shell, as the account that the server is to run as.
    """

    into: Path
    version: int
    commands: tuple[str, ...]


async def unpack(settings: Settings, request: RestoreRequest, *, step: Step | None = None) -> Unpacked:
    """Decrypt and check a backup, those it builds on and the WAL up to the moment, into a new directory.

    Raises:
        RestoreRefused: the directory is not empty.
        BackupNotFound, OutOfReach, WalGap, Damaged, KeyMissing, StorageFull: as of a restore.
    """
    store = await asyncio.to_thread(Store.open, settings)
    with store.locked("use", shared=True):
        plan = await asyncio.to_thread(prepare, store, request, step, any_version=True)
        into = plan.layout.data_dir
        await in_thread(lambda: _unpack(plan, into), plan.stopped.set)
    return Unpacked(into, plan.label.major, tuple(_commands(plan, into)))


def _unpack(plan: Plan, into: Path) -> None:
    try:
        with explained(into):
            into.mkdir(mode=0o700, parents=True, exist_ok=True)
            for label in plan.chain:
                extract(plan, label, into / label.id)
            lay_out_wal(plan, into / "wal")
    except BaseException:
        clear(into)
        raise


def _commands(plan: Plan, into: Path) -> list[str]:
    parts = [into / label.id for label in plan.chain]
    data = into / "data"
    commands = [f"mv {_quoted(parts[0])} {_quoted(data)}"]
    if len(parts) > 1:
        commands = [f"pg_combinebackup -o {_quoted(data)} {' '.join(map(_quoted, parts))}"]
        # The summaries of PostgreSQL 17 and 18 miss changes of visibility maps; VACUUM makes them anew.
        commands.append(f"find {_quoted(data)} -regex '.*/[0-9]+_vm[.0-9]*' -delete")
    settings = {"restore_command": f'cp "{into / "wal"}/%f" "%p"', **plan.target.settings()}
    settings |= {"recovery_target_timeline": str(plan.timeline), "recovery_target_action": "promote"}
    commands += [
        f"printf '%s\\n' {_quoted(name + ' = ' + _value(value))} >> {_quoted(data / 'postgresql.auto.conf')}"
        for name, value in settings.items()
    ]
    commands += [f"rm -rf {_quoted(data / '.mnemon')}", f"touch {_quoted(data / 'recovery.signal')}"]
    return [*commands, f"pg_ctl -D {_quoted(data)} -w start"]


def _value(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(what: Path | str) -> str:
    return shlex.quote(str(what))
