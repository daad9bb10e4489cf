"""What an embedder is, for every room that stores or searches vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
"""Embeddings, one row a text: shape ``(texts, dimensions)``, each row of length 1 or all zero."""


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their closeness in meaning."""

    @property
    def name(self) -> str:
        """The model's stable name, stored with each vector: vectors of different names are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """Numbers in one vector."""
        ...

    @property
    def max_batch(self) -> int:
        """The most texts that one request to the model holds.

        :meth:`embed` takes any number and cuts them itself; a caller that wants progress or bounded memory cuts by
        a multiple of this.
        """
        ...

    @property
    def local(self) -> bool:
        """Whether a short text takes microseconds here, so that a caller need not plan for waiting or failure.

        Such an embedder is a :class:`LocalEmbedder` too.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed any number of texts, in their order.

        Args:
            texts: any Unicode, lone surrogates included; a text may be empty.

        Returns:
            float32, shape ``(len(texts), dimensions)``. Rows are L2-normalised, so a dot product is a cosine; a text
            in which the model sees nothing (empty, or no known token) is a row of zeros.

        Raises:
            Invalid: a text is longer than the model reads, or the configured dimensions are not the model's.
            Unauthenticated: the provider refuses the credentials.
            Unavailable: the provider cannot be reached, stays overloaded, or answers nonsense.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections and threads; closing twice is harmless, and a closed embedder is not used again."""
        ...


@runtime_checkable
class LocalEmbedder(Embedder, Protocol):
    """An embedder fast enough to be called without awaiting, as a search does with its query."""

    def embed_now(self, texts: Sequence[str]) -> Vectors:
        """Embed on the calling thread: for a handful of texts inside an event loop. See :meth:`Embedder.embed`."""
        ...


def answers_at_once(embedder: Embedder) -> TypeGuard[LocalEmbedder]:
    """Tell whether an embedder is a :class:`LocalEmbedder`; asking by ``isinstance`` takes longer than a short text."""
    return embedder.local and hasattr(embedder, "embed_now")
