"""What can be done of a request before the database is needed: long texts cut, languages found, texts embedded."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemon.ai import languages
from mnemon.ai.embedders import answers_at_once
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.parts import Part, in_parts
from mnemon.conversations.schemas import NewMessage
from mnemon.core.errors import Invalid
from mnemon.core.text import CONTENT_LIMIT
from mnemon.db.types import encode_vectors
from mnemon.memory.schemas import NewMemory, Remember, Update

Item = NewMessage | NewMemory

#: Texts that the built-in embedder turns into vectors faster than a thread could be woken.
_AT_ONCE = 32
#: Characters of a text whose cutting is worth a thread.
_LONG = 100_000
SPLIT = "Give split=True (--split), and it is kept in parts that are found as one text."


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with its embeddings: all that can be done before the database is needed.

    Attributes:
        items: what is written: those of the request, and in place of a long text its parts.
        parts: which part of a text each of these is, None of a whole one.
        drafts: its messages, made ready; None of few, which are made ready as they are written.
    """

    request: Remember
    items: Sequence[Item]
    parts: Sequence[Part | None]
    vectors: Sequence[Any]
    languages: Sequence[str | None]
    drafts: conversations.Drafts | None = None

    def drafted(self) -> conversations.Drafts:
        """Return its messages, made ready."""
        if self.drafts is not None:
            return self.drafts
        places = [n for n, item in enumerate(self.items) if isinstance(item, NewMessage)]
        messages = [item for item in self.items if isinstance(item, NewMessage)]
        vectors, codes = [self.vectors[n] for n in places], [self.languages[n] for n in places]
        return conversations.draft(messages, vectors, codes, [self.parts[n] for n in places])


async def prepare(ctx: Context, request: Remember) -> Prepared:
    """Embed what is to be remembered; an import prepares its next batch while the present one is written."""
    ctx.principal.require("memories:write")
    items, parts = await _split(request)
    vectors = encode_vectors(await embed(ctx, [item.content for item in items]))
    codes = await _languages(ctx, items, parts)
    prepared = Prepared(request, items, parts, vectors, codes)
    if len(items) <= _AT_ONCE:
        return prepared
    return replace(prepared, drafts=await asyncio.to_thread(prepared.drafted))


def refuse_long(items: Iterable[Item | Update], hint: str = SPLIT) -> None:
    """Refuse texts that are too long for a row; the hint says what to do.

    Raises:
        Invalid: there is one.
    """
    for item in items:
        if item.content is not None and len(item.content) > CONTENT_LIMIT:
            raise Invalid(
                f"content: the content has {len(item.content)} characters; at most 50,000 are kept in one piece.",
                code="invalid.content_too_long",
                hint=hint,
                field="content",
            )


async def _split(request: Remember) -> tuple[Sequence[Item], list[Part | None]]:
    """Return what is written of a request, and which part of a text each of it is."""
    over = request.split_over
    if over is None:
        refuse_long(request.items)
        return request.items, [None] * len(request.items)
    longest = max((len(item.content) for item in request.items), default=0)
    if longest <= over:
        return request.items, [None] * len(request.items)
    if longest < _LONG:
        pieces = _pieces(request.items, over)
    else:
        pieces = await asyncio.to_thread(_pieces, request.items, over)
    return [item for item, _ in pieces], [part for _, part in pieces]


def _pieces(items: Sequence[Item], over: int) -> list[tuple[Item, Part | None]]:
    return [piece for item in items for piece in in_parts(item, over)]


async def _languages(ctx: Context, items: Sequence[Item], parts: Sequence[Part | None]) -> list[str | None]:
    """Return what each item is written in: as it says, or as its text shows, or as its conversation was before.

    A memory in parts is a conversation to this: a part that does not show its language has that of the others.
    """
    places = [n for n, item in enumerate(items) if item.language is None]
    codes = [item.language for item in items]
    if not places:
        return codes
    texts = [items[n].content for n in places]
    talks = [_talk(items[n], parts[n]) for n in places]
    key = (ctx.principal.organization_id, "language")
    of_talks: dict[Hashable, str] = {
        talk: code for talk in set(talks) if isinstance(talk, str) and (code := ctx.cache.get((*key, talk))) is not None
    }
    before = dict(of_talks)
    if len(texts) <= _AT_ONCE and (languages.is_loaded() or all(map(languages.at_a_glance, texts))):
        detected = languages.detect(texts, talks, of_talks)
    else:
        detected = await asyncio.to_thread(languages.detect, texts, talks, of_talks)
    for talk, code in of_talks.items():
        if isinstance(talk, str) and before.get(talk) != code:
            ctx.cache.put((*key, talk), code)
    for n, code in zip(places, detected, strict=True):
        codes[n] = code
    return codes


def _talk(item: Item, part: Part | None) -> Hashable | None:
    if isinstance(item, NewMessage):
        return item.conversation
    return (id(part.text),) if part is not None else None


async def embed(ctx: Context, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return vectors of texts; no database session is held meanwhile."""
    embedder = ctx.embedder
    if len(texts) <= _AT_ONCE and answers_at_once(embedder):
        return embedder.embed_now(texts)
    return await embedder.embed(texts)
