"""Writes a database down as an earlier version of Mnemon made it, with rows in every table: for tests of upgrades.

It is run with that version's code, not with this one's: head_0007.sql.gz is what its first published schema was like.

    git worktree add ../published a4c2393
    cd ../published
    PYTHONPATH=src:. python ../mnemon/tests/migrations/publish.py ../mnemon/tests/migrations/data

The file holds the statements that the version's own upgrade ran, to the letter, and after them the rows. A superuser
runs it in an empty database of a server that has the roles.
"""

from __future__ import annotations

import asyncio
import gzip
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from mnemon import AsyncMemory
from mnemon.db import embedded
from mnemon.db.embedded.programs import binaries
from mnemon.migrations import runner
from tests.factories import Rows, context_of, tables

DATABASE = "published"
#: Beginnings of statements that only ask.
ASKING = {"SELECT", "SHOW"}
#: And of those that write rows, which are written down by themselves.
WRITING = {"INSERT", "UPDATE", "DELETE"}


async def upgraded(url: str) -> list[str]:
    """Bring a database to head; the statements that made the schema, but for rights on the database as a whole."""
    statements: list[str] = []

    def note(statement: str, values: Any) -> None:
        kind = statement.split(maxsplit=1)[0].upper().rstrip(";")
        if not values and kind not in ASKING | WRITING and " ON DATABASE " not in statement:
            statements.append(statement.rstrip().rstrip(";") + ";\n")

    async def connect(*args: Any, **options: Any) -> Any:
        made = await asyncpg.connect(*args, **options)
        made.add_query_logger(lambda query: note(query.query, query.args))  # whole scripts, past SQLAlchemy
        return made

    def noting(url: Any, *, connect_args: dict[str, Any], **options: Any) -> Any:
        engine = create_async_engine(url, connect_args={**connect_args, "async_creator_fn": connect}, **options)
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *one: note(one[2], one[3]))
        return engine

    with patch.object(runner, "create_async_engine", noting):
        await runner.upgrade(url)
    return statements


async def fill(endpoint: embedded.Endpoint) -> None:
    """Write rows as the application does, and one row in every table."""
    await runner.let_log_in(endpoint.url(embedded.ADMIN_ROLE, DATABASE))
    async with AsyncMemory(database_url=endpoint.url("mnemon_app", DATABASE), organization="published") as memory:
        talk = {"conversation": "talk", "user": "ada"}
        await memory.remember([{"content": "Where is the harbour?", **talk}, {"content": "Behind the market.", **talk}])
        kept = await memory.remember([{"content": "The harbour is open", "user": "ada"}])
        await memory.update(kept.ids[0], "The harbour is closed")
        await memory.maintain()
        organization = context_of(memory).principal.organization_id
    admin = await asyncpg.connect(endpoint.url(embedded.ADMIN_ROLE, DATABASE, driver="postgresql"))
    known = await tables(admin)
    rows = Rows(admin, known, organization)
    for table in known:
        if table.secured:
            await rows.row(table.name)
    for table_of_sums in ("metric_partials", "metric_rollups"):  # as one measurement leaves them
        await admin.execute(f"UPDATE {table_of_sums} SET sample_count = 1")
    await admin.close()


def rows_of(endpoint: embedded.Endpoint) -> str:
    """The rows as statements, without what only psql understands.

    Row-level security stays on, since summaries are filled as their owner, who has policies to read through.
    """
    where = ["-h", str(endpoint.socket_dir), "-p", str(endpoint.port), "-U", embedded.ADMIN_ROLE]
    options = ["--data-only", "--inserts", "--load-via-partition-root", *where, DATABASE]
    command = [str(binaries(18) / "pg_dump"), *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    left_out = ("\\restrict", "\\unrestrict", "SET row_security = off", "--")
    return "".join(
        line for line in done.stdout.splitlines(keepends=True) if line.strip() and not line.startswith(left_out)
    )


async def published(endpoint: embedded.Endpoint) -> str:
    """The whole file: the schema, and the rows in the place of those that came with it, which no trigger touches."""
    admin = await asyncpg.connect(endpoint.url(embedded.ADMIN_ROLE, "postgres", driver="postgresql"))
    await admin.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
    await admin.close()
    statements = await upgraded(endpoint.url(embedded.ADMIN_ROLE, DATABASE))
    admin = await asyncpg.connect(endpoint.url(embedded.ADMIN_ROLE, DATABASE, driver="postgresql"))
    names = [table.name for table in await tables(admin)]
    filled = [name for name in names if await admin.fetchval(f"SELECT EXISTS (SELECT FROM {name})")]
    await admin.close()
    await fill(endpoint)
    statements += ["RESET ROLE;\n", "SET session_replication_role = replica;\n"]
    statements += [f"DELETE FROM {name};\n" for name in filled]
    return "".join(statements) + rows_of(endpoint)


def main() -> None:
    """Write the file of the version that runs this."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    lease = embedded.acquire(place / "data", linger_seconds=0)
    try:
        text = asyncio.run(published(lease.endpoint))
        target = Path(sys.argv[1]) / f"head_{runner.head()}.sql.gz"
        target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    finally:
        lease.close()
        embedded.stop(place / "data")
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
