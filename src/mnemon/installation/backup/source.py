"""The server that is backed up: how it is reached, what it is, which programs fit it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from mnemon.core import trust
from mnemon.core.errors import Invalid, MnemonError, Unavailable
from mnemon.core.settings import Settings
from mnemon.db import embedded
from mnemon.db.address import Address, chosen, parse_address
from mnemon.db.connection import connect
from mnemon.db.engine import CATALOGUE_PATH
from mnemon.db.errors import translated
from mnemon.db.reach import reach
from mnemon.installation.backup.errors import NoRights, NotConfigured

ADMIN_DATABASE = "postgres"
#: What a role needs that is no superuser; `mnemon backup enable` prints it.
GRANTS = """\
CREATE ROLE mnemon_backup LOGIN REPLICATION PASSWORD '...' IN ROLE pg_monitor;
GRANT EXECUTE ON FUNCTION pg_switch_wal(), pg_create_restore_point(text), pg_read_binary_file(text)
  TO mnemon_backup;  -- in the database of the URL"""

_FACTS = """
SELECT (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
  current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS in_recovery,
  (SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
  current_setting('wal_level') AS wal_level, coalesce(current_setting('summarize_wal', true), 'off') AS summarize_wal,
  current_setting('max_slot_wal_keep_size') AS max_slot_wal_keep_size,
  (SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY oid LIMIT 1)::text AS superuser,
  current_database()::text AS database,
  (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user) AS may_replicate
"""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the server says of itself."""

    system_identifier: int
    version: int
    in_recovery: bool
    segment_bytes: int
    wal_level: str
    summarize_wal: str
    max_slot_wal_keep_size: str
    superuser: str
    database: str
    may_replicate: bool

    @property
    def major(self) -> int:
        """PostgreSQL's major version."""
        return self.version // 10_000


@dataclass(frozen=True)
class Source:
    """A server, and a connection to it.

    Attributes:
        connection: as a role that may replicate.
        environment: libpq's variables for PostgreSQL's programs; it holds a password and is never printed.
        programs: the directory of pg_basebackup.
        is_embedded: whether it is Mnemon's own server.
    """

    connection: Any
    facts: SourceFacts
    programs: Path
    is_embedded: bool
    environment: dict[str, str] = field(repr=False)

    async def now(self) -> datetime:
        """Return the server's clock."""
        found: datetime = await self.connection.fetchval("SELECT clock_timestamp()")
        return found


@contextmanager
def rights(what: str) -> Iterator[None]:
    """Say what a role lacks, in place of the driver's words."""
    try:
        with translated():
            yield
    except MnemonError as error:
        if isinstance(error.__cause__, asyncpg.InsufficientPrivilegeError):
            raise NoRights(
                f"The role of the backups may not {what}.",
                hint="`mnemon backup enable` prints the role that is needed; name it in MNEMON_BACKUP_DATABASE_URL.",
            ) from None
        raise


def data_dir(settings: Settings) -> Path:
    """Return where the embedded server keeps its data."""
    return (settings.data_dir or embedded.default_data_dir()).expanduser().absolute()


def url_of(settings: Settings) -> Address | None:
    """Return where backups of a server of the user's own are taken; None for the embedded server.

    Raises:
        NotConfigured: the application's URL alone is known.
    """
    chosen_address = chosen(settings, "backup_database_url", "database_owner_url")
    if settings.database_url is None:
        return None
    if chosen_address is None:
        raise NotConfigured(
            "DATABASE_URL is a server of your own, and no role is named that may take its backups.",
            code="backup.no_role",
            hint=f"Set MNEMON_BACKUP_DATABASE_URL. Such a role, made by an administrator:\n{GRANTS}",
        )
    return parse_address(*chosen_address)


@asynccontextmanager
async def open_source(settings: Settings) -> AsyncIterator[Source]:
    """Connect to the server that the settings name; the embedded one is started if it does not run.

    Raises:
        NotConfigured: no role that may take backups is named.
        NoRights: the role may not replicate.
        Unavailable: it cannot be reached, or is a replica.
    """
    url = url_of(settings)
    lease = None
    if url is None:
        directory = data_dir(settings)
        key = embedded.KeySource.of(settings)  # of an encrypted data directory, to be mounted
        lease = await asyncio.to_thread(embedded.acquire, directory, version=settings.embedded_version, key=key)
    try:
        if lease is not None:
            at = lease.endpoint
            with translated():
                connection = await connect(
                    host=str(at.socket_dir),
                    port=at.port,
                    user=embedded.ADMIN_ROLE,
                    database=ADMIN_DATABASE,
                    server_settings=CATALOGUE_PATH,
                )
        else:
            assert url is not None  # noqa: S101 - one of the two
            with translated():
                connection = await reach(url, timeout=settings.database_connect_timeout, server_settings=CATALOGUE_PATH)
        try:
            facts = await inspect_server(connection)
            programs = _programs(settings, facts.major, is_embedded=lease is not None)
            yield Source(connection, facts, programs, lease is not None, _variables(url, lease, facts.major))
        finally:
            await connection.close()
    finally:
        if lease is not None:
            lease.close()


def _variables(url: Address | None, lease: embedded.Lease | None, major: int) -> dict[str, str]:
    """Return libpq's variables for programs of the server's version."""
    if lease is not None:
        at = lease.endpoint
        return {"PGHOST": str(at.socket_dir), "PGPORT": str(at.port), "PGUSER": embedded.ADMIN_ROLE}
    return url.variables(major) if url is not None else {}


async def inspect_server(connection: Any) -> SourceFacts:
    """Return what the server says of itself.

    Raises:
        NoRights: the role may not replicate.
        Unavailable: it is a replica, or writes too little WAL.
    """
    with rights("read the server's control data"):
        facts = SourceFacts(**dict(await connection.fetchrow(_FACTS)))
    if not facts.may_replicate:
        raise NoRights(
            "The role of the backups may not replicate.",
            hint=f"Such a role, made by an administrator and named in MNEMON_BACKUP_DATABASE_URL:\n{GRANTS}",
        )
    if facts.in_recovery or facts.wal_level == "minimal":
        raise Unavailable(
            "This server is a replica." if facts.in_recovery else "The server writes too little WAL for backups.",
            code="backup.not_possible",
            hint="Name the primary." if facts.in_recovery else "Set wal_level to replica and restart it.",
        )
    return facts


def _programs(settings: Settings, major: int, *, is_embedded: bool) -> Path:
    """Return where pg_basebackup of a fitting version is.

    Raises:
        Invalid: there is none.
    """
    if is_embedded or (settings.backup_programs is None and major in {16, 18}):
        return embedded.binaries(major)
    directory = settings.backup_programs
    program = directory.expanduser() / "pg_basebackup" if directory else None
    if program is None or not os.access(program, os.X_OK):
        raise Invalid(
            f"The server is PostgreSQL {major}; there is no pg_basebackup of that version"
            + (f" in {directory}." if directory else " here."),
            code="backup.no_programs",
            hint="Install PostgreSQL's client programs of the server's version, and name their directory in "
            "MNEMON_BACKUP_PROGRAMS.",
            version=major,
        )
    theirs = program_version(program)
    if theirs != major:
        raise Invalid(
            f"The server is PostgreSQL {major}; {program} is of {theirs}.",
            code="backup.no_programs",
            hint="Name the directory of the server's version in MNEMON_BACKUP_PROGRAMS.",
            version=major,
        )
    return program.parent


def program_version(program: Path) -> int:
    """Return the major version that a program of PostgreSQL's says it has; 0 if it says none."""
    process = subprocess.run(  # noqa: S603 - the operator's own program
        [str(program), "--version"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    numbers = [word.split(".")[0] for word in process.stdout.split() if word[:1].isdigit()]
    return int("".join(character for character in numbers[0] if character.isdigit())) if numbers else 0


def program_environment(extra: dict[str, str]) -> dict[str, str]:
    """Return a plain environment for a program of PostgreSQL's: nothing of the caller's PG* variables."""
    passed = {name: os.environ[name] for name in ("HOME", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": trust.search_path(), **passed, "LC_ALL": "C", "TZ": "UTC", "PGAPPNAME": "mnemon backup", **extra}


def free_bytes(path: Path) -> int:
    """Return what the file system of a directory, or of the nearest one above it, still takes."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
