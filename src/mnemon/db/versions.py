"""The oldest servers that the statements run on, and what is said of an older one, wherever it is met."""

from __future__ import annotations

from mnemon.core.errors import Unavailable

OLDEST_POSTGRESQL = 15
"""PostgreSQL's major version."""
OLDEST_PGVECTOR = (0, 8)


def refuse_server(version: int, vector: str | None) -> None:
    """Refuse a server that is too old, or whose database has no pgvector or too old a one.

    Args:
        version: the server's, such as 150004.
        vector: the extension's, None where the database has none.

    Raises:
        Unavailable: it is one of these.
    """
    problem = server_problem(version) or vector_problem(vector)
    if problem is not None:
        raise problem


def server_problem(version: int) -> Unavailable | None:
    """Return what is said of a PostgreSQL that is too old; None of one that is not.

    Args:
        version: as ``server_version_num`` has it, such as 150004.
    """
    major = version // 10_000
    if major >= OLDEST_POSTGRESQL:
        return None
    return Unavailable(
        f"The server is PostgreSQL {major}, and Mnemon needs {OLDEST_POSTGRESQL} or newer.",
        code="unavailable.server_version",
        hint=f"Upgrade the server, or use one of PostgreSQL {OLDEST_POSTGRESQL} or newer.",
        version=version,
        oldest=OLDEST_POSTGRESQL,
    )


def vector_problem(vector: str | None) -> Unavailable | None:
    """Return what is said of a database without pgvector, or with one that is too old; None of a good one."""
    if vector is None:
        return missing_vector()
    if version_numbers(vector) >= OLDEST_PGVECTOR:
        return None
    return Unavailable(
        f"The database has pgvector {vector}, and Mnemon needs {_oldest()} or newer.",
        code="unavailable.pgvector",
        hint="Install a newer one on the server, and let an administrator run ALTER EXTENSION vector UPDATE in the "
        "database.",
        version=vector,
        oldest=_oldest(),
    )


def missing_vector(*, offered: bool = True) -> Unavailable:
    """Return what is said of a database without pgvector.

    Args:
        offered: the server has it installed, or nobody looked.
    """
    first = "" if offered else f"Install pgvector {_oldest()} or newer on the server (Debian: postgresql-NN-pgvector). "
    return Unavailable(
        "The database has not the extension pgvector." if offered else "The server has no pgvector.",
        code="unavailable.pgvector",
        hint=f"{first}Let an administrator run CREATE EXTENSION vector in the database, then run `mnemon db upgrade`.",
        oldest=_oldest(),
    )


def version_numbers(version: str) -> tuple[int, ...]:
    """Return an extension's version as numbers, the first two of which count."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def _oldest() -> str:
    return ".".join(map(str, OLDEST_PGVECTOR))
