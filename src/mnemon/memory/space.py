"""The embedding space: which model made the vectors of a database, so that those of two are never compared."""

from __future__ import annotations

from typing import Any

from mnemon.ai.embedders import Embedder
from mnemon.core.errors import Invalid
from mnemon.db.session import Database

_NOTED = "SELECT model, dimensions, fingerprint FROM embedding_space"
_NOTE = "SELECT model, dimensions, fingerprint FROM note_embedding_space($1, $2, $3, $4)"


async def settle_space(database: Database, embedder: Embedder) -> None:
    """Note the embedder with the database at its first start, and refuse another one from then on.

    Raises:
        Invalid: the database's vectors are another model's.
        Unavailable: nothing is noted yet, and this process has no installation key to note it with.
    """
    name, dimensions = embedder.name, embedder.dimensions
    fingerprint: str | None = getattr(embedder, "fingerprint", None)
    async with database.untenanted() as connection:
        row = await connection.fetchrow(_NOTED)
        if row is None:
            proof = database.prove(f"embedding_space:{name}:{dimensions}:{fingerprint or ''}")
            row = await connection.fetchrow(_NOTE, name, dimensions, fingerprint, proof)
    if row["model"] != name or row["dimensions"] != dimensions:
        raise _another(row, name, dimensions)
    if None not in (row["fingerprint"], fingerprint) and row["fingerprint"] != fingerprint:
        raise _another(row, f"another file of the name {name}", dimensions)


def _another(row: Any, name: str, dimensions: int) -> Invalid:
    return Invalid(
        f"The vectors of this database were made by {row['model']} ({row['dimensions']} dimensions); this start was "
        f"given {name} ({dimensions}). Vectors of two models cannot be compared.",
        code="invalid.embedding_space",
        hint=f"Set EMBEDDING_MODEL={row['model']} back; or take the organisation out with `mnemon organization "
        "export FILE --without-vectors` and into a new database with the other model: its vectors are made anew there.",
        field="embedding_model",
        database=row["model"],
        given=name,
    )
