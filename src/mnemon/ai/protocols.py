"""The other kinds of model that Mnemon can ask. Nothing here is needed to remember or to recall.

These are shapes: a provider is any object that has them. All of them may wait for the network, so none is called
while a database session is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat: who says it and what."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ExtractedFact:
    """Something that a text states, as a triple: "Ada", "lives in", "Turin".

    Attributes:
        subject: the name of what it is about, as the text has it.
        predicate: what is said of it, in a few words.
        object: what the predicate leads to: a name, a value, a phrase.
        confidence: 0 to 1, how sure the extractor is that the text states it.
    """

    subject: str
    predicate: str
    object: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class ExtractedEntity:
    """Something with a name that a text mentions; ``kind`` is a plain word such as person, place or project."""

    name: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What an extractor found in one text; both may be empty."""

    facts: tuple[ExtractedFact, ...] = ()
    entities: tuple[ExtractedEntity, ...] = ()


@runtime_checkable
class Extractor(Protocol):
    """Reads texts and says which facts and entities they hold."""

    @property
    def name(self) -> str:
        """The model's stable name, stored with what it extracted."""
        ...

    async def extract(self, texts: Sequence[str]) -> list[Extraction]:
        """One extraction for each text, in their order.

        Raises:
            Unauthenticated, Unavailable, Invalid: as :meth:`mnemon.ai.embedders.Embedder.embed`.
        """
        ...

    async def aclose(self) -> None:
        """Lets go of connections; closing twice is harmless."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Judges texts against a query by reading both together: slower and better than comparing vectors."""

    @property
    def name(self) -> str:
        """The model's stable name, shown beside the scores."""
        ...

    async def rerank(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """How well each text answers the query.

        Returns:
            float32, shape ``(len(texts),)``, in the order of ``texts``, each from 0 to 1, higher is better.

        Raises:
            Unauthenticated, Unavailable, Invalid: as :meth:`mnemon.ai.embedders.Embedder.embed`.
        """
        ...

    async def aclose(self) -> None:
        """Lets go of connections; closing twice is harmless."""
        ...


@runtime_checkable
class Chat(Protocol):
    """A language model that answers a conversation."""

    @property
    def name(self) -> str:
        """The model's stable name, stored with what it wrote."""
        ...

    async def complete(self, messages: Sequence[Message], *, max_tokens: int | None = None) -> str:
        """The assistant's next message.

        Args:
            messages: the conversation so far, oldest first, at least one.
            max_tokens: where the model stops, in its own tokens; None leaves it to the provider.

        Raises:
            Unauthenticated, Unavailable, Invalid: as :meth:`mnemon.ai.embedders.Embedder.embed`.
        """
        ...

    async def aclose(self) -> None:
        """Lets go of connections; closing twice is harmless."""
        ...
