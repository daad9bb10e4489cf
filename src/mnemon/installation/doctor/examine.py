"""Runs every check of the database, one after the other, each for itself: one that fails hides no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from mnemon.core.errors import MnemonError
from mnemon.core.installation import InstallationKey
from mnemon.core.principal import Principal
from mnemon.core.settings import Settings
from mnemon.db.address import parse_address, setting_of
from mnemon.db.engine import OWNER_PATH
from mnemon.db.errors import LOST, translated
from mnemon.db.reach import reach
from mnemon.db.tenant import SET_TENANT, Prover
from mnemon.installation.doctor import (
    assets,
    audit,
    backlog,
    backups,
    clock,
    disk,
    encryption,
    indexes,
    partitions,
    policies,
    replication,
    server,
    slow,
    transactions,
    vacuum,
)
from mnemon.installation.doctor.model import Finding

Check = Callable[[asyncpg.Connection, Settings], Awaitable[list[Finding]]]

SUBJECTS: dict[str, tuple[Check, ...]] = {
    "server": (server.check, clock.check),
    "wall between organisations": (policies.check,),
    "tables": (partitions.check, indexes.check, vacuum.check, transactions.check),
    "audit": (audit.check,),
    "waiting": (backlog.check, slow.check),
    "disk": (disk.check,),
    "encryption": (encryption.check,),
    "replication": (replication.check,),
    "backups": (backups.check,),
    "files": (assets.check,),
}
"""What is looked at, in the order in which it is told."""

_PATIENCE = 20_000  # milliseconds for one statement: a check must not become a load


async def examine(url: str, wanted: Settings, *, setting: str | None = None) -> dict[str, list[Finding]]:
    """Check everything in a database; by subject.

    Args:
        url: as the role that sees most: the owner's, the embedded server's administrator, else the application's,
            which finds less and says so.
        wanted: the settings.
        setting: the variable that the URL came from, to be named in errors; None: that of the settings which has it.

    Raises:
        Unavailable: the database cannot be reached.
    """
    findings: dict[str, list[Finding]] = {}
    with translated():
        connection = await reach(
            parse_address(url, setting or setting_of(url, wanted)),
            timeout=wanted.database_connect_timeout,
            server_settings={"application_name": "mnemon doctor"} | OWNER_PATH,
            statement_cache_size=0,  # a pooler may be in between
        )
    try:
        prover = Prover(InstallationKey.of(wanted))
        organization = await _organization(connection, wanted, prover)
        enter = None
        if organization is not None:
            organization_id = organization.organization_id
            enter = (organization_id, None, None, None) if prover.key is None else prover.arguments(organization)
        for subject, checks in SUBJECTS.items():
            findings[subject] = []
            for check in checks:
                findings[subject] += await _one(check, connection, wanted, enter)
    finally:
        await connection.close()
    return findings


async def _organization(connection: asyncpg.Connection, wanted: Settings, prover: Prover) -> Principal | None:
    """Return the organisation of the settings, for a role that sees one only; None for one that sees all, or none."""
    try:
        if await connection.fetchval("SELECT row_security_active('organizations')"):
            slug = wanted.organization
            proof = None if prover.key is None else prover.prove(f"organization:{slug}")
            organization = await connection.fetchval("SELECT ensure_organization($1, $1, $2)", slug, proof)
            return None if organization is None else Principal(organization)
    except asyncpg.PostgresError:
        return None  # no schema, an older one, or a login without the application's rights: said elsewhere
    return None


async def _one(
    check: Check, connection: asyncpg.Connection, wanted: Settings, enter: tuple[Any, ...] | None
) -> list[Finding]:
    name = check.__module__.rpartition(".")[2]
    try:
        # In a transaction, and nothing set beyond it: a pooler may give the connection to somebody else.
        async with connection.transaction():
            await connection.execute(f"SET LOCAL statement_timeout = {_PATIENCE}; SET LOCAL lock_timeout = 2000")
            if enter is not None:
                await connection.execute(SET_TENANT, *enter)
            return await check(connection, wanted)
    except asyncpg.InsufficientPrivilegeError as error:
        do = "Set DATABASE_OWNER_URL to a role that may."
        return [Finding(name, "note", f"this role may not look: {error.args[0]}", do)]
    except asyncpg.QueryCanceledError:
        return [Finding(name, "note", "looking takes too long here; it was given up", None)]
    except (asyncpg.PostgresError, *LOST) as error:
        return [
            Finding(name, "note", f"cannot be looked at: {type(error).__name__}: {error}", "Run `mnemon db check`.")
        ]
    except MnemonError as error:
        return [Finding(name, "note", f"cannot be looked at: {error.message}", error.hint)]
