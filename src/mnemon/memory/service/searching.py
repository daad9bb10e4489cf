"""search and recall: the stages of mnemon.memory.recall, one after the other, around two short transactions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemon.agents import service as agents
from mnemon.ai.embedders import LocalEmbedder
from mnemon.context import Context
from mnemon.db.connection import Connection
from mnemon.memory import names
from mnemon.memory.items import fetch_items
from mnemon.memory.recall import candidates, fusion, packing, signals, vocabulary
from mnemon.memory.recall.candidates import Asked, Found
from mnemon.memory.recall.question import Question, read
from mnemon.memory.recall.signals import Lexicon, Measured
from mnemon.memory.schemas import Explanation, Hit, Item, Recollection, Search, Signal, Weights
from mnemon.memory.scope import ResolvedScope, resolve
from mnemon.memory.service.remember import embed

#: Candidates from meaning and from words each; more of them change nothing, fewer lose what only one side sees.
DEPTH = 200
#: A hit outside the best k may still fit a token budget, so recall looks a little further.
_SPARE = 2


async def search(ctx: Context, request: Search) -> Recollection:
    """What matches a question best, with every signal and its share.

    Ranks by the match score alone: meaning, words in the talk around, who, when. Never returns fewer hits than asked
    while the scope has more rows.
    """
    return await _find(ctx, request, weights=None)


async def recall(ctx: Context, request: Search) -> Recollection:
    """What an agent should bring to mind: the five signals of AgentDNA under a token budget.

    Weights and budget are the request's, or those of the agent in the scope, or the defaults of seed 002.
    """
    return await _find(ctx, request, weights=request.weights or Weights())


class _Round:
    """One search on its way: what was asked, what was found, how it was scored."""

    def __init__(self, ctx: Context, request: Search) -> None:
        self.ctx = ctx
        self.request = request
        self.question: Question = read(request.query)
        self.scope: ResolvedScope
        self.asked: Asked
        self.found = Found()
        self.via: dict[int, tuple[str, ...]] = {}

    async def understand(self, connection: Connection) -> bool:
        """Names to ids, words to lexemes; False when nothing can match."""
        self.scope = await resolve(self.ctx, connection, self.request.scope)
        if self.scope.nobody:
            return False
        self.asked = await candidates.understand(connection, self.question, self.scope)
        self.asked.concepts = await vocabulary.concepts(self.ctx, connection, self.asked.unheard)
        return bool(self.asked.sizes.tables)

    async def gather(self, connection: Connection, vector: NDArray[np.float32]) -> Measured:
        """Candidates from meaning and from words, and every signal of each."""
        sizes = self.asked.sizes
        depth = max(DEPTH // 2 if sizes.indexed else DEPTH, self.request.k * _SPARE)
        self.found = await candidates.nearest(
            connection, self.scope, sizes, vector, limit=depth, exact_limit=self.ctx.settings.exact_search_limit
        )
        match = self.ctx.database.match_operator
        self.found.postings = await candidates.postings(connection, self.scope, self.asked, match)
        # Frequencies and the number they are measured by must speak of the same rows: those of the scope while every
        # posting in it is read, those of the organisation once its statistics are needed.
        rows = sizes.indexed or self.found.rows or 0
        lexicon = Lexicon.of(self.found.postings, self.asked, rows)
        ordinals = self._merge(self._lexical(lexicon, depth), lexicon)
        if len(ordinals) < self.request.k:
            await self._fill(connection, ordinals)
        found = await candidates.features(
            connection,
            self.scope,
            self.asked,
            ordinals,
            vector,
            with_text=self.question.asks_when or bool(self.question.answers),
            running=await self._running(connection),
        )
        named = bool(self.asked.names)
        return signals.measure(self.question, lexicon, found, named=named, session_terms=sizes.session_terms)

    async def _running(self, connection: Connection) -> UUID | None:
        name = self.request.running
        return await names.find(self.ctx, connection, "conversation", name) if name is not None else None

    def _lexical(self, lexicon: Lexicon, depth: int) -> list[int]:
        """The ordinals that the words speak for most, their sessions included."""
        windows = lexicon.windows()
        if not len(windows):
            return []
        win, own, _ = lexicon.window(windows)
        lengths = np.ones(len(windows))
        score = win + fusion.RECIPE["own"] * own + fusion.RECIPE["sess"] * lexicon.session(windows, lengths, 1.0)
        best = np.argsort(-score, kind="stable")[:depth]
        return [int(ordinal) for ordinal in windows[best]]

    def _merge(self, lexical: Sequence[int], lexicon: Lexicon) -> list[int]:
        for ordinal in self.found.near:
            self.via[ordinal] = ("vector",)
        for ordinal in [*lexical, *(int(one) for one in lexicon.mentions[:DEPTH])]:
            self.via[ordinal] = (*self.via.get(ordinal, ()), "words")
        return list(self.via)

    async def _fill(self, connection: Connection, ordinals: list[int]) -> None:
        """Top up with the latest rows of the scope, so that nobody gets fewer than there are."""
        spare = await candidates.latest(
            connection, self.scope, self.asked.sizes.tables, limit=self.request.k + len(ordinals)
        )
        for ordinal in spare:
            if ordinal not in self.via:
                self.via[ordinal] = ("recent",)
                ordinals.append(ordinal)


async def _find(ctx: Context, request: Search, *, weights: Weights | None) -> Recollection:
    ctx.principal.require("memories:read")
    began = time.perf_counter()
    work = _Round(ctx, request)
    if isinstance(ctx.embedder, LocalEmbedder):  # a few microseconds: nothing is waited for, one transaction does
        async with ctx.database.read_transaction(ctx.principal) as connection:
            if not await work.understand(connection):
                return _answer(request, [], 0, began)
            vector = ctx.embedder.embed_now([work.asked.text])[0]
            hits, left_out = await _rank(work, connection, vector, weights)
        return _answer(request, hits, left_out, began)
    async with ctx.database.read_transaction(ctx.principal) as connection:
        if not await work.understand(connection):
            return _answer(request, [], 0, began)
    vector = (await embed(ctx, [work.asked.text]))[0]
    async with ctx.database.read_transaction(ctx.principal) as connection:
        hits, left_out = await _rank(work, connection, vector, weights)
    return _answer(request, hits, left_out, began)


async def _rank(
    work: _Round, connection: Connection, vector: NDArray[np.float32], weights: Weights | None
) -> tuple[list[Hit], int]:
    """(hits, how many the budget left out): candidates scored, ordered, read and packed."""
    request = work.request
    measured = await work.gather(connection, vector)
    match = fusion.match_scores(measured)
    five: dict[str, signals.Floats] = {}
    score, budget = match, None
    if weights is not None:
        weights, budget = await _agent_preferences(connection, work, weights)
        five = fusion.five_signals(measured, match, now=request.now or work.ctx.clock.now())
        score = fusion.recall_scores(five, weights)
    order = np.argsort(-score, kind="stable")[: request.k]
    ordinals = [int(measured.ordinals[i]) for i in order]
    items = await fetch_items(work.ctx, connection, work.scope, ordinals, work.asked.sizes.tables)
    return _hits(work, measured, match, score, five, weights, order, items, budget)


async def _agent_preferences(connection: Connection, work: _Round, weights: Weights) -> tuple[Weights, int | None]:
    """The weights and the budget: the request's, else the agent's, else the defaults."""
    request = work.request
    if work.scope.agent_id is None:
        return weights, request.token_budget
    config = await agents.memory_config(connection, work.scope.principal.organization_id, work.scope.agent_id)
    if request.weights is None:
        weights = Weights(**config.retrieval_weights.model_dump())
    return weights, request.token_budget or config.token_budget


def _hits(
    work: _Round,
    measured: Measured,
    match: signals.Floats,
    score: signals.Floats,
    five: dict[str, signals.Floats],
    weights: Weights | None,
    order: NDArray[np.intp],
    items: dict[int, Item],
    budget: int | None,
) -> tuple[list[Hit], int]:
    best = [int(i) for i in order if int(measured.ordinals[i]) in items]
    found = [items[int(measured.ordinals[i])] for i in best]
    sizes = [packing.tokens(item.content) for item in found]
    kept = packing.pack(sizes, budget)
    hits = []
    for rank, place in enumerate(kept, start=1):
        index = best[place]
        why = Explanation.model_construct(
            match=fusion.explain_match(measured, index),
            match_score=round(float(match[index]), 6),
            recall=fusion.explain_five(five, index, weights) if weights is not None else dict[str, Signal](),
            terms=tuple(term for term, count in zip(measured.terms, measured.seen[index], strict=True) if count),
            names=tuple(work.asked.names),
            via=work.via.get(int(measured.ordinals[index]), ()),
        )
        hits.append(
            Hit.model_construct(
                item=found[place], rank=rank, score=round(float(score[index]), 6), tokens=sizes[place], why=why
            )
        )
    return hits, len(found) - len(kept)


def _answer(request: Search, hits: list[Hit], left_out: int, began: float) -> Recollection:
    return Recollection.model_construct(
        query=request.query,
        hits=tuple(hits),
        tokens=sum(hit.tokens for hit in hits),
        left_out=left_out,
        took_ms=round((time.perf_counter() - began) * 1000, 3),
    )
