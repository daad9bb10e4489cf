"""Preparing a server for backups."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mnemon.core.settings import Settings
from mnemon.installation.backup.model import Pulled
from mnemon.installation.backup.source import GRANTS, open_source
from mnemon.installation.backup.store import Store
from mnemon.installation.backup.wal import pull, slot_name

#: WAL that the server holds back at most while nobody fetches it: a gap is told, a full disk stops everything.
HELD_BACK = "8GB"


@dataclass(frozen=True, slots=True)
class Enabled:
    """What was done, and what is left to do.

    Attributes:
        changed: settings of the server that were changed; they hold already.
        todo: statements for an administrator, none for the embedded server.
        slot: what holds back the WAL from now on.
    """

    changed: dict[str, str]
    todo: tuple[str, ...]
    slot: str
    wal: Pulled


async def enable(settings: Settings) -> Enabled:
    """Prepare the server for incremental backups and the archive, and fetch the first WAL; may be run again.

    No restart is needed. The settings of a server of one's own are not touched: what to change is in the answer.

    Raises:
        NoRights: the role may not replicate.
        Unavailable: the server is a replica, or writes too little WAL.
    """
    store = await asyncio.to_thread(Store.open, settings)
    async with open_source(settings) as source:
        changes: dict[str, str] = {}
        if source.facts.major >= 17 and source.facts.summarize_wal != "on":
            changes["summarize_wal"] = "on"
        if source.facts.max_slot_wal_keep_size == "-1":
            changes["max_slot_wal_keep_size"] = HELD_BACK
        statements = [f"ALTER SYSTEM SET {name} = '{value}'" for name, value in changes.items()]
        if source.is_embedded:
            for statement in statements:
                await source.connection.execute(statement)
            await source.connection.execute("SELECT pg_reload_conf()")
        wal = await pull(source, store)
        slot = slot_name(store.bind(source.facts.system_identifier))
    if source.is_embedded:
        return Enabled(changes, (), slot, wal)
    return Enabled({}, tuple([*statements, "SELECT pg_reload_conf()"] if statements else ()), slot, wal)


async def disable(settings: Settings) -> str:
    """Let the server remove its WAL again, as before a directory of backups is given up; the slot that went."""
    store = await asyncio.to_thread(Store.open, settings)
    async with open_source(settings) as source:
        slot = slot_name(store.bind(source.facts.system_identifier))
        await source.connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", slot
        )
    return slot


__all__ = ["GRANTS", "HELD_BACK", "Enabled", "disable", "enable"]
