"""Column types of ours: embeddings as pgvector's halfvec, and how vectors cross the wire."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import Dialect

#: The built-in embedder's width; the migration is told the real one (settings, see migrations/env.py).
DEFAULT_DIMENSIONS = 256


class Embedding(HALFVEC):
    """A halfvec column for the ORM: the driver has the binary codec, so values pass as they are, not as text."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Arrays and lists as the codec's own type."""
        return lambda value: value if value is None or isinstance(value, HalfVector) else HalfVector(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any]:
        """Return an array of float16."""
        return lambda value: value.to_numpy() if isinstance(value, HalfVector) else value


class _Encoded(HalfVector):
    """A vector that is bytes already: many are encoded in one step."""

    __slots__ = ("_binary",)

    def __init__(self, binary: bytes) -> None:  # the base class would encode it again
        self._binary = binary

    def to_binary(self) -> bytes:
        """Return the wire form."""
        return self._binary


def encode_vectors(vectors: NDArray[np.float32]) -> list[Any]:
    """Return vectors as binary parameters for asyncpg; an all-zero vector becomes None.

    A text without one known token has no direction: cosine distance to it is not a number, so it is stored without
    an embedding, found by its words, and skipped by vector search (seed 002 EC-5).

    Args:
        vectors: shape (n, dimensions).
    """
    if not len(vectors):
        return []
    width = vectors.shape[1]
    header = struct.pack(">HH", width, 0)
    body = vectors.astype(">f2").tobytes()
    some: NDArray[np.bool_] = np.any(vectors, axis=1)
    size = 2 * width
    return [
        _Encoded(header + body[index * size : (index + 1) * size]) if some[index] else None
        for index in range(len(vectors))
    ]


def encode_vector(vector: NDArray[np.float32]) -> Any:
    """Return one vector as a binary parameter."""
    return HalfVector(vector)


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def array_literal(values: Sequence[str | None]) -> str:
    """Return an array as PostgreSQL writes it; the server reads the elements as whatever type it is cast to.

    Arrays of arrays cannot be ragged, so rows' arrays travel as text.
    """
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if '"' in value:
        value = value.replace('"', '\\"')
    return f'"{value}"'


def dump_json(value: object) -> str:
    """Return JSON text for a jsonb parameter."""
    return _JSON.encode(value)
