"""Embeddings from any endpoint that speaks OpenAI's ``POST /embeddings``: OpenAI, Ollama, vLLM, LiteLLM and others."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemon.ai.embedders import Vectors
from mnemon.ai.http import JsonEndpoint
from mnemon.ai.text import encodable, normalised
from mnemon.core.errors import Invalid, Unauthenticated, Unavailable

OPENAI_URL = "https://api.openai.com/v1"

# Characters of one request. OpenAI takes 300,000 tokens, and a character is hardly ever more than two.
_BATCH_CHARACTERS = 150_000
# Below this a text that is still too long is not the reason why the endpoint refuses.
_SHORTEST_CUT = 500
_TOO_LONG = re.compile(
    r"context[ _]length|too long|too many tokens|\b(max|exceed)\w* .{0,40}(tokens|length)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a model: the dimensions of its vectors, and whether it can be asked for fewer."""

    dimensions: int
    shortens: bool = False


_KNOWN = {
    "text-embedding-3-small": _Known(1536, shortens=True),
    "text-embedding-3-large": _Known(3072, shortens=True),
    "text-embedding-ada-002": _Known(1536),
    "nomic-embed-text": _Known(768),
    "mxbai-embed-large": _Known(1024),
    "bge-m3": _Known(1024),
    "all-minilm": _Known(384),
}


class OpenAIEmbedder:
    """An embedder behind an OpenAI-compatible endpoint; belongs to the event loop that first uses it.

    Args:
        model: the model's name at the endpoint.
        api_key: required by OpenAI itself; None sends none.
        base_url: the address up to and without ``/embeddings``; None is OpenAI's own.
        dimensions: numbers in a vector. None takes the known model's own; required for other models. Models that
            can shorten their vectors are asked for it.
        timeout: seconds for one request with all its retries; a call of many batches makes many requests.
        truncate: cut a text that is too long instead of refusing it.
        max_batch: texts in one request at most.
        max_characters: the longest text; about 8,000 tokens of English, which is what OpenAI's models read. The
            endpoint may refuse a shorter text that has more tokens.
        concurrency: requests under way at once.
        attempts: how often one request is tried at most.
        send_dimensions: whether to ask for ``dimensions``; None asks the models known to take it.

    Raises:
        Invalid: unusable address, key or dimensions.
        Unauthenticated: no key for OpenAI itself.
    """

    local = False

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        dimensions: int | None = None,
        timeout: float = 60.0,
        truncate: bool = False,
        max_batch: int = 128,
        max_characters: int = 32_000,
        concurrency: int = 4,
        attempts: int = 5,
        send_dimensions: bool | None = None,
    ) -> None:
        known_dimensions = _KNOWN.get(model.rsplit("/", 1)[-1].split(":", 1)[0])
        address = (base_url or "").strip() or None  # set to nothing is as good as unset
        if address is None and not (api_key or "").strip():
            raise Unauthenticated(
                f"The model {model} of OpenAI needs a key.",
                code="unauthenticated.provider",
                hint="Set EMBEDDING_API_KEY, or EMBEDDING_BASE_URL for an endpoint of your own.",
            )
        self.name = f"openai/{model}"
        self.dimensions = _checked_dimensions(model, known_dimensions, dimensions, send_dimensions)
        self.max_batch = max_batch
        self._truncate = truncate
        self._max_characters = max_characters
        self._concurrency = concurrency
        self._request: dict[str, Any] = {"model": model}
        if send_dimensions or (send_dimensions is None and known_dimensions is not None and known_dimensions.shortens):
            self._request["dimensions"] = self.dimensions
        if address is None:
            self._request["encoding_format"] = "base64"  # a third of the bytes; others may not know it
        self._endpoint = JsonEndpoint(
            address or OPENAI_URL, api_key=api_key, timeout=timeout, attempts=attempts, concurrency=concurrency
        )

    def __repr__(self) -> str:
        return f"OpenAIEmbedder(name={self.name!r}, dimensions={self.dimensions}, host={self._endpoint.host!r})"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed in batches, several at once; see :meth:`mnemon.ai.embedders.Embedder.embed`.

        Blank texts are not sent, since endpoints refuse them: their rows are zeros. The first batch that fails ends
        the call.

        Raises:
            Invalid: a text is too long (``invalid.text_too_long``; ``data["index"]`` is its position where known),
                the endpoint refuses the request, or its vectors have other dimensions.
            Unauthenticated: the endpoint refuses the key.
            Unavailable: no answer in time, or an answer that makes no sense.
        """
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        batches = iter(list(self._batches(texts)))

        async def work() -> None:
            # All workers draw from one iterator; nothing is awaited between taking and sending.
            for positions, batch in batches:
                vectors[positions] = await self._embed_batch(batch)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(work())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return vectors

    async def aclose(self) -> None:
        """Close the connections."""
        await self._endpoint.aclose()

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
        """Yield the texts to send, with their positions, cut by number and by length; checks every text before any."""
        positions: list[int] = []
        batch: list[str] = []
        characters = 0
        for position, text in enumerate(texts):
            if not text or text.isspace():
                continue
            if len(text) > self._max_characters and not self._truncate:
                raise _too_long(self.name, len(text), index=position, limit=self._max_characters)
            sent = encodable(text[: self._max_characters])
            if batch and (len(batch) == self.max_batch or characters + len(sent) > _BATCH_CHARACTERS):
                yield positions, batch
                positions, batch, characters = [], [], 0
            positions.append(position)
            batch.append(sent)
            characters += len(sent)
        if batch:
            yield positions, batch

    async def _embed_batch(self, batch: list[str]) -> Vectors:
        """Return the vectors of one batch; texts that the endpoint finds too long are refused, or cut if wanted."""
        try:
            return await self._ask(batch)
        except Invalid as error:
            if error.data.get("status") not in (400, 413, 422) or not _TOO_LONG.search(error.message):
                raise
            if not self._truncate:
                raise _too_long(self.name, max(map(len, batch)), refusal=error.message) from None
            if len(batch) == 1 and len(batch[0]) <= _SHORTEST_CUT:
                raise
        if len(batch) > 1:  # one by one, so that no text is cut on account of another
            return np.concatenate([await self._embed_batch([text]) for text in batch])
        return await self._embed_batch([batch[0][: len(batch[0]) // 2]])

    async def _ask(self, batch: list[str]) -> Vectors:
        answer = await self._endpoint.post("embeddings", {**self._request, "input": batch})
        rows = [_vector(item) for item in _in_order(answer, len(batch), self._endpoint.host)]
        if any(row is None for row in rows):
            raise _nonsense(self._endpoint.host, "an embedding that is not a list of numbers")
        vectors = [row for row in rows if row is not None]
        for row in vectors:
            if row.size != self.dimensions:
                raise Invalid(
                    f"{self.name} makes vectors of {row.size} numbers, not {self.dimensions}.",
                    code="invalid.embedding_dimensions",
                    hint=f"Set EMBEDDING_DIMENSIONS to {row.size}.",
                    field="embedding_dimensions",
                    expected=self.dimensions,
                    received=row.size,
                )
        table = np.stack(vectors)
        if not np.isfinite(table).all():
            raise _nonsense(self._endpoint.host, "numbers that are not finite")
        return normalised(table)


def _checked_dimensions(model: str, known: _Known | None, wanted: int | None, send_dimensions: bool | None) -> int:
    if known is None:
        if wanted is None:
            raise Invalid(
                f"The size of the vectors of {model} is not known.",
                code="invalid.embedding_dimensions",
                hint="Set EMBEDDING_DIMENSIONS to it.",
                field="embedding_dimensions",
            )
        return wanted
    if wanted is None or wanted == known.dimensions:
        return known.dimensions
    shortens = known.shortens or bool(send_dimensions)
    if not shortens or not 1 <= wanted <= known.dimensions:
        raise Invalid(
            f"{model} makes vectors of {known.dimensions} numbers{' or fewer' if shortens else ''}, not {wanted}.",
            code="invalid.embedding_dimensions",
            hint=f"Set EMBEDDING_DIMENSIONS to {known.dimensions}, or leave it unset.",
            field="embedding_dimensions",
            expected=known.dimensions,
        )
    return wanted


def _in_order(answer: Any, count: int, host: str) -> list[Any]:
    """Return the items of an answer in the order of the texts, by their ``index``, which servers may leave out."""
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _nonsense(host, "no list of embeddings")
    if len(items) != count:
        raise _nonsense(host, f"{len(items)} embeddings for {count} texts")
    if all("index" not in item for item in items):
        return items
    by_index = {item.get("index"): item for item in items if isinstance(item.get("index"), int)}
    if by_index.keys() != set(range(count)):
        raise _nonsense(host, "embeddings whose indexes do not match the texts")
    return [by_index[index] for index in range(count)]


def _vector(item: Any) -> NDArray[np.float32] | None:
    """Return the numbers of one item: a list, or little-endian float32 in base64; None if it is neither."""
    embedding = item.get("embedding")
    try:
        if isinstance(embedding, str):
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float32)
        if not isinstance(embedding, list):
            return None
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as that
            row = np.array(embedding, dtype=np.float64).astype(np.float32)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        return None
    return row if row.ndim == 1 else None


def _too_long(name: str, characters: int, **data: Any) -> Invalid:
    return Invalid(
        f"A text of {characters:,} characters is longer than {name} reads.",
        code="invalid.text_too_long",
        hint="Shorten it, or allow the embedder to cut texts.",
        characters=characters,
        **data,
    )


def _nonsense(host: str, what: str) -> Unavailable:
    return Unavailable(f"{host} answered with {what}.", code="unavailable.provider_answer")
