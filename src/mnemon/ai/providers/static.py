"""The built-in embedder: a text's vector is the sum of its tokens' vectors, read from a table.

There is no model to run, so it needs numpy and nothing else, answers in microseconds and works offline. What the
table was fitted to is told in ``ai/data/MODEL.md``; ``scripts/train_static_embedder.py`` fits another.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnemon.ai.embedders import Vectors
from mnemon.ai.wordpiece import WordPiece
from mnemon.core import forks
from mnemon.core.errors import Invalid, Unavailable

BUILTIN_NAME = "mnemon-static-256"
"""The name stored with vectors of the built-in model."""

_BUILTIN_FILE = "static-256-int8.npz"
_BUILTIN_DIMENSIONS = 256
# Gathered rows are widened to float32 in pieces that stay in the processor's cache: 1,024 x 256 x 4 bytes = 1 MB.
_TOKENS_AT_ONCE = 1024
# Above either, a call leaves the event loop's thread: about 4 ms of work.
_TEXTS_ON_LOOP = 200
_CHARACTERS_ON_LOOP = 20_000


@dataclass(frozen=True, slots=True)
class StaticModel:
    """The weights of a static embedder.

    Attributes:
        vectors: int8, shape ``(tokens, dimensions)``.
        scales: float32, shape ``(tokens,)``; a token's vector is its row times its scale.
        tokeniser: gives the rows of a text.
    """

    vectors: NDArray[np.int8]
    scales: NDArray[np.float32]
    tokeniser: WordPiece

    @classmethod
    def load(cls, path: Path) -> StaticModel:
        """Read an ``.npz`` with arrays ``E`` (int8), ``scale`` (one a token) and ``vocab`` (UTF-8, one a line).

        Raises:
            Unavailable: the file is missing or cannot be read.
            Invalid: the file is not such a model.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                vectors, scales, vocabulary = (arrays[key] for key in ("E", "scale", "vocab"))
                tokens = vocabulary.tobytes().decode().split("\n")
        except OSError as error:
            raise Unavailable(
                f"The embedding model {path} cannot be read: {error.strerror or 'input/output error'}.",
                code="unavailable.embedding_model",
            ) from error
        except (KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise _not_a_model(path, "it lacks the arrays E, scale and vocab") from error
        if vectors.ndim != 2 or vectors.dtype != np.int8 or 0 in vectors.shape:
            raise _not_a_model(path, "E is not a table of int8")
        if not len(vectors) == len(tokens) == scales.size:
            raise _not_a_model(path, "E, scale and vocab have different lengths")
        return cls(vectors, np.ascontiguousarray(scales, dtype=np.float32).ravel(), WordPiece(tokens))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the normalised sums of the texts' token vectors; see :meth:`mnemon.ai.embedders.Embedder.embed`."""
        sums = np.zeros((len(texts), self.vectors.shape[1]), dtype=np.float32)
        rows = self.tokeniser.ids_of_all(texts)
        for first, last in _runs([len(row) for row in rows]):
            if last == first + 1:
                self._add_long(rows[first], sums[first])
                continue
            ids = np.fromiter(chain.from_iterable(rows[first:last]), dtype=np.intp)
            vectors, scales = self._gather(ids)
            start = 0
            for text in range(first, last):
                end = start + len(rows[text])
                np.matmul(scales[start:end], vectors[start:end], out=sums[text])
                start = end
        lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))[:, None]
        np.divide(sums, lengths, out=sums, where=lengths > 0)
        return sums

    def _gather(self, ids: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.vectors.take(ids, axis=0).astype(np.float32), self.scales.take(ids)

    def _add_long(self, row: Sequence[int], total: NDArray[np.float32]) -> None:
        """Sums one text of any length into ``total`` in bounded memory."""
        ids = np.array(row, dtype=np.intp)
        for start in range(0, len(ids), _TOKENS_AT_ONCE):
            vectors, scales = self._gather(ids[start : start + _TOKENS_AT_ONCE])
            total += scales @ vectors


def _not_a_model(path: Path, reason: str) -> Invalid:
    return Invalid(
        f"{path} is not a static embedding model: {reason}.",
        code="invalid.embedding_model",
        field="embedding_model",
    )


def _runs(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cuts texts into runs of at most ``_TOKENS_AT_ONCE`` tokens; a longer text is a run of its own."""
    first = tokens = 0
    for text, length in enumerate(lengths):
        if tokens + length > _TOKENS_AT_ONCE and text > first:
            yield first, text
            first, tokens = text, 0
        tokens += length
    if first < len(lengths):
        yield first, len(lengths)


class StaticEmbedder:
    """A static model behind the :class:`mnemon.ai.embedders.LocalEmbedder` protocol.

    Making one reads nothing: the weights are read at first use (0.1 s) and shared by all embedders of the same file.
    It may be used from several threads at once.

    Args:
        path: a model file as ``scripts/train_static_embedder.py`` writes it; None is the built-in model. Its
            vectors are stored under the name ``static/`` and the file's name without ending.

    Raises:
        Invalid, Unavailable: the file given is not such a model, or is not there.
    """

    local = True
    max_batch = 4096

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = None if path is None else Path(path).resolve()
        if self._path is None:
            self.name = BUILTIN_NAME
            self.dimensions = _BUILTIN_DIMENSIONS
        else:
            self.name = f"static/{self._path.stem}"
            self.dimensions = int(_load(self._path).vectors.shape[1])

    def embed_now(self, texts: Sequence[str]) -> Vectors:
        """Embed on the calling thread: some 30 microseconds a question, 16,000 chat messages a second or more."""
        model = _load(self._path)
        if len(texts) <= self.max_batch:
            return model.embed(texts)
        # In slices, so that the token ids of a million texts never exist at once.
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), self.max_batch):
            end = start + self.max_batch
            vectors[start:end] = model.embed(texts[start:end])
        return vectors

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed as :meth:`embed_now`; anything longer than a few milliseconds runs in a thread."""
        few = len(texts) <= _TEXTS_ON_LOOP and sum(map(len, texts)) <= _CHARACTERS_ON_LOOP
        if few and _is_loaded(self._path):
            return self.embed_now(texts)
        return await asyncio.to_thread(self.embed_now, texts)

    async def aclose(self) -> None:
        """Let go of nothing: the weights stay for the next embedder."""

    def __repr__(self) -> str:
        return f"StaticEmbedder(name={self.name!r}, dimensions={self.dimensions})"


_models: dict[Path | None, StaticModel] = {}
_loading = forks.Lock()


def _is_loaded(path: Path | None) -> bool:
    return path in _models


def _load(path: Path | None) -> StaticModel:
    """Return the model of a file, read once in the process; None is the built-in one."""
    model = _models.get(path)
    if model is not None:
        return model
    with _loading:
        if path not in _models:
            if path is None:
                with resources.as_file(resources.files("mnemon.ai") / "data" / _BUILTIN_FILE) as builtin:
                    _models[None] = StaticModel.load(builtin)
            else:
                _models[path] = StaticModel.load(path)
        return _models[path]
