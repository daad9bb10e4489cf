"""What Alembic does for :mod:`mnemon.migrations.runner`.

It is imported when there is something to do: every start of the library asks whether the database is current, and
Alembic would be a sixth of all that a start imports.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from mnemon.catalog import metadata
from mnemon.core.errors import Invalid, Unavailable
from mnemon.migrations import compare

#: Revisions that are one with the baseline now; no version was published at any of them.
_FOLDED = frozenset({"0001", "0002", "0003", "0004", "0005", "0006"})


def config(**attributes: Any) -> Config:
    """Alembic's configuration, without an ini file."""
    cfg = Config()
    cfg.set_main_option("script_location", str(Path(__file__).parent))
    cfg.set_main_option("path_separator", "os")
    cfg.attributes.update(attributes)
    return cfg


def upgrade(connection: Connection, cfg: Config, revision: str) -> None:
    """Run the migrations up to a revision, each in a transaction of its own."""
    cfg.attributes["connection"] = connection
    _refuse_foreign(current(connection), cfg)
    with _known(revision):
        command.upgrade(cfg, revision)


def downgrade(connection: Connection, cfg: Config, revision: str) -> None:
    """Take the migrations after a revision back."""
    cfg.attributes["connection"] = connection
    _refuse_foreign(current(connection), cfg)
    connection.rollback()  # so that each revision has a transaction of its own, with no more locks than it needs
    with _known(revision):
        command.downgrade(cfg, revision)


def _refuse_foreign(current: str | None, cfg: Config) -> None:
    """Refuse a database at a revision that this version has no way from."""
    if current in _FOLDED:
        raise Unavailable(
            f"The database is at revision {current}, and this version of Mnemon begins at 0007.",
            code="unavailable.older_schema",
            hint="Bring it to 0007 or later with a checkout of Mnemon that has revisions 0001 to 0006 among its "
            "migrations, then run this again. If nothing in it is to be kept, make a new database.",
        )
    revisions = {script.revision for script in ScriptDirectory.from_config(cfg).walk_revisions()}
    if current is not None and current not in revisions:
        raise Unavailable(
            f"The database is at revision {current}, which this version of Mnemon does not know.",
            code="unavailable.newer_schema",
            hint="Install the version of Mnemon that made it, or a newer one.",
        )


@contextmanager
def _known(revision: str) -> Iterator[None]:
    """Explain what Alembic says of a revision that there is none of, or that lies the other way."""
    try:
        yield
    except CommandError as error:
        raise Invalid(f"Revision {revision!r}: {error}.", code="invalid.revision", field="revision") from None


def current(connection: Connection) -> str | None:
    """Return the revision that the database has, None before the first."""
    return MigrationContext.configure(connection).get_current_revision()


def differences(connection: Connection) -> tuple[str, ...]:
    """Return what the models have and the database has not, or the other way round."""
    options = {
        "include_object": compare.include_object,
        "compare_type": compare.compare_type,
        "target_metadata": metadata,
    }
    found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    return tuple(repr(item) for item in found)
