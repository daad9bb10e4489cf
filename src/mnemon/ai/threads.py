"""Models that compute in this process, but slowly: one thread of their own, so that the event loop stays free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from mnemon.ai.embedders import Vectors
from mnemon.ai.text import encodable, normalised
from mnemon.core import forks
from mnemon.core.errors import Unavailable


class ThreadedEmbedder:
    """The common part of such embedders; a provider loads its model and gives the function that runs it.

    Calls queue for the one thread: the models use all cores by themselves, and need not be thread-safe.

    Args:
        name: the model's stable name.
        dimensions: numbers in a vector.
        run: texts to vectors, shape ``(texts, dimensions)``; called with at most ``max_batch`` texts, never blank.
        max_batch: texts given to ``run`` at once.
    """

    local = False

    def __init__(
        self,
        name: str,
        dimensions: int,
        run: Callable[[list[str]], NDArray[np.floating]],
        *,
        max_batch: int = 64,
    ) -> None:
        self.name = name
        self.dimensions = dimensions
        self.max_batch = max_batch
        self._run = run
        self._begin()
        forks.in_child(self)

    def _begin(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mnemon-embedder")

    def forked(self) -> None:
        """Have a thread of this process's own: of the parent's there is none here."""
        forks.leave(self._thread)
        self._begin()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, dimensions={self.dimensions})"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed batch by batch in the thread, so that concurrent calls take turns and a cancelled one stops.

        A text is read as far as the model's own window (for many models 256 or 512 tokens).

        Raises:
            Unavailable: the model failed or gave vectors that are not finite or have another size.
        """
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        with_words = [position for position, text in enumerate(texts) if text and not text.isspace()]
        loop = asyncio.get_running_loop()
        for start in range(0, len(with_words), self.max_batch):
            positions = with_words[start : start + self.max_batch]
            batch = [encodable(texts[position]) for position in positions]
            vectors[positions] = await loop.run_in_executor(self._thread, self._checked, batch)
        return vectors

    async def aclose(self) -> None:
        """Ends the thread after the batch that it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _checked(self, batch: list[str]) -> Vectors:
        try:
            vectors = normalised(self._run(batch))
        except Exception as error:
            raise Unavailable(
                f"{self.name} failed: {type(error).__name__}: {error}", code="unavailable.embedding_model"
            ) from error
        if vectors.shape != (len(batch), self.dimensions) or not np.isfinite(vectors).all():
            raise Unavailable(
                f"{self.name} gave vectors that are not {self.dimensions} finite numbers each.",
                code="unavailable.provider_answer",
            )
        return vectors


def not_installed(package: str, extra: str) -> Unavailable:
    """Return the error for a provider whose package is missing."""
    return Unavailable(
        f"The package {package} is not installed.",
        code="unavailable.package",
        hint=f'Install it with: pip install "mnemon[{extra}]"',
        package=package,
    )


def not_loaded(name: str, error: Exception) -> Unavailable:
    """Return the error for a model that its package cannot find, download or read."""
    return Unavailable(
        f"{name} cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())[:300].rstrip('.')}.",
        code="unavailable.embedding_model",
        hint="Check the model's name or directory, and that it can be downloaded from here.",
    )
