"""Words that nobody here ever said, through the words they did say.

A question asks for carbon dioxide where the talk says CO2, for a physician where it says doctor. The tenant's own
vocabulary is embedded once in a while, and a run of unheard words stands for those of its words that are closest in
meaning: one concept, searched like a word, trusted less than one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnemon.ai.embedders import LocalEmbedder
from mnemon.context import Context
from mnemon.db.connection import Connection
from mnemon.db.sql import statement

#: Words of a tenant that are looked at, the most frequent first, and how often a word must stand to be one.
VOCABULARY = 8000
#: How close a word must be to stand for another, and how many may.
CLOSENESS = 0.42
ALIKE = 4
#: How much farther than the closest of them.
SPREAD = 0.06
#: Concepts of one question.
CONCEPTS = 3


@dataclass(frozen=True, slots=True)
class Concept:
    """Unheard words of a question and the heard ones that stand for them.

    Attributes:
        phrase: the unheard words, as asked.
        lexemes: the question's lexemes that it stands for.
        alike: (lexeme, closeness, documents), the closest first.
    """

    phrase: str
    lexemes: tuple[str, ...]
    alike: tuple[tuple[str, float, int], ...]


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    lexemes: tuple[str, ...]
    documents: tuple[int, ...]
    vectors: NDArray[np.float32]


async def concepts(ctx: Context, connection: Connection, runs: list[tuple[str, tuple[str, ...]]]) -> list[Concept]:
    """Return what stands for runs of unheard words: (phrase, its lexemes), in a tenant with a vocabulary.

    Only with an embedder that answers at once; nothing is waited for inside a transaction.
    """
    if not runs or not isinstance(ctx.embedder, LocalEmbedder):
        return []
    vocabulary = await _vocabulary(ctx, connection, ctx.embedder)
    concepts_found = []
    for phrase, lexemes in runs[:CONCEPTS]:
        closeness = vocabulary.vectors @ ctx.embedder.embed_now([phrase])[0]
        least = max(CLOSENESS, float(closeness.max(initial=0.0)) - SPREAD)
        best = [int(i) for i in np.argsort(-closeness)[:ALIKE] if closeness[i] >= least]
        if best:
            alike = ((vocabulary.lexemes[i], float(closeness[i]), vocabulary.documents[i]) for i in best)
            concepts_found.append(Concept(phrase, lexemes, tuple(alike)))
    return concepts_found


async def _vocabulary(ctx: Context, connection: Connection, embedder: LocalEmbedder) -> _Vocabulary:
    key = (ctx.principal.organization_id, "vocabulary", embedder.name)
    vocabulary: _Vocabulary | None = ctx.cache.get(key)
    if vocabulary is None:
        rows = await connection.fetch(
            statement("mnemon.memory", "recall_vocabulary"), ctx.principal.organization_id, VOCABULARY
        )
        lexemes = tuple(row["lexeme"] for row in rows)
        vectors = await asyncio.to_thread(embedder.embed_now, lexemes)
        vocabulary = _Vocabulary(lexemes, tuple(row["documents"] for row in rows), vectors)
        ctx.cache.put(key, vocabulary)
    return vocabulary
