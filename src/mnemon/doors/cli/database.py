"""The database that a command looks at: where it is, who owns its schema, what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mnemon.core.errors import Invalid
from mnemon.doors.cli.state import run

if TYPE_CHECKING:
    from mnemon.core.settings import Settings
    from mnemon.db.startup import Facts

_LINE = 200


def place(wanted: Settings) -> Path:
    """Return where the embedded server keeps its data."""
    from mnemon.db import embedded

    return (wanted.data_dir or embedded.default_data_dir()).expanduser().absolute()


@contextmanager
def owner(wanted: Settings, *, fresh: bool = False) -> Iterator[tuple[str, str | None]]:
    """Open the URL of the role that owns the schema; beside it the variable that it came from, None if it is embedded.

    Args:
        wanted: the settings.
        fresh: make the embedded server's cluster and database where there is none.
    """
    from mnemon.db import embedded
    from mnemon.db.address import chosen

    if (own := chosen(wanted, "database_owner_url", "database_url")) is not None:
        yield own
        return
    from mnemon.app import ADMIN_ROLE, DATABASE, start_embedded

    directory = place(wanted)
    if embedded.status(directory).version is not None:
        lease = embedded.acquire(directory, version=wanted.embedded_version)
    elif fresh:
        lease = run(start_embedded(wanted))
    else:
        raise Invalid(
            f"There is no database in {directory} yet.",
            code="invalid.no_database",
            hint="`mnemon up` or `mnemon db upgrade` makes it.",
        )
    with lease:
        yield lease.endpoint.url(ADMIN_ROLE, DATABASE), None


async def inspect(url: str, wanted: Settings) -> Facts:
    """Return what a database says of itself.

    Raises:
        Unavailable: it cannot be reached.
    """
    from mnemon.db.session import Database
    from mnemon.db.startup import inspect_database

    database = Database(url, wanted)
    try:
        return await inspect_database(database)
    finally:
        await database.close()


def describe(revision: str | None, head: str, differences: tuple[str, ...], stale: tuple[str, ...]) -> list[str]:
    """Return what a check found, line by line."""
    lines = []
    if revision is None:
        return [f"There is no schema yet; `mnemon db upgrade` brings it to {head}."]
    if revision != head:
        lines.append(f"The database is at revision {revision}; `mnemon db upgrade` brings it to {head}.")
    lines += [f"differs: {shorten(difference)}" for difference in differences]
    lines += [f"stale: {name}; `mnemon db upgrade` applies it again." for name in stale]
    return lines or [f"The database is at {head}, and everything is as it should be."]


def shorten(difference: str) -> str:
    """Return the beginning of a difference: with a whole table in it, it fills a screen. JSON has all of it."""
    return difference if len(difference) <= _LINE else difference[: _LINE - 1] + "…"
