"""search and recall: the stages of mnemon.memory.recall, one after the other, around two short transactions."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemon.agents import service as agents
from mnemon.ai.embedders import LocalEmbedder
from mnemon.context import Context
from mnemon.core import times
from mnemon.db.connection import Connection
from mnemon.identity import service as identity
from mnemon.memory import names
from mnemon.memory.items import fetch_items
from mnemon.memory.recall import candidates, fusion, packing, signals, vocabulary
from mnemon.memory.recall.candidates import Asked, Int64, Nearest
from mnemon.memory.recall.lexicon import Floats, Lexicon
from mnemon.memory.recall.question import Question, read
from mnemon.memory.recall.signals import Evidence, Measured
from mnemon.memory.recall.within import within
from mnemon.memory.schemas import Explanation, Hit, Recollection, Search, Weights
from mnemon.memory.scope import ResolvedScope, resolve
from mnemon.memory.service.remember import embed
from mnemon.verbs import verb

#: Candidates from meaning and from words each; more of them change nothing, fewer lose what only one side sees.
DEPTH = 200
#: A hit outside the best k may still fit a token budget, so recall looks a little further.
_SPARE = 2


@verb("memories:read")
async def search(ctx: Context, request: Search) -> Recollection:
    """Find what matches a question best, with every signal and its share.

    Ranks by the match score alone: meaning, words in the talk around, who, when. Never returns fewer hits than asked
    while the scope has more. A text in parts is found once, by the part that matches best.
    """
    return await _find(ctx, request, weights=None)


@verb("memories:read")
async def recall(ctx: Context, request: Search) -> Recollection:
    """Recall what an agent should bring to mind: the five signals of AgentDNA under a token budget.

    Weights and budget are the request's, or those of the agent in the scope, or the defaults of seed 002.
    """
    return await _find(ctx, request, weights=request.weights or Weights())


@dataclass(frozen=True, slots=True)
class _Understood:
    """A search whose names have become ids and whose words have become lexemes.

    Attributes:
        zone: that of who asks.
        now: the moment of asking.
    """

    request: Search
    question: Question
    scope: ResolvedScope
    asked: Asked
    zone: tzinfo
    now: datetime


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Candidates with every match signal; ``via``: by its ordinal, how each became one."""

    measured: Measured
    via: dict[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Candidates with their scores.

    Attributes:
        match: the match scores.
        score: what is ranked by: the match, or that of recall.
        recalled: the signals of recall by name; none for a search.
        weights: what they count; None for a search.
        budget: tokens that the hits may have together; None: no limit.
    """

    match: Floats
    score: Floats
    recalled: dict[str, Floats]
    weights: Weights | None
    budget: int | None


async def _find(ctx: Context, request: Search, *, weights: Weights | None) -> Recollection:
    began = time.perf_counter()
    hits, left_out, zone = await _hits_of(ctx, request, weights)
    return Recollection.model_construct(
        query=request.query,
        hits=tuple(hits),
        tokens=sum(hit.tokens for hit in hits),
        left_out=left_out,
        took_ms=round((time.perf_counter() - began) * 1000, 3),
        timezone=times.name_of(zone),
    )


async def _hits_of(ctx: Context, request: Search, weights: Weights | None) -> tuple[list[Hit], int, tzinfo]:
    """Return (hits, how many the budget left out, the asker's zone); a slow embedder is asked outside a transaction."""
    async with ctx.database.read_transaction(ctx.principal) as connection:
        understood = await _understand(ctx, connection, request)
        if understood is None:
            return [], 0, ctx.zone
        if isinstance(ctx.embedder, LocalEmbedder):  # a few microseconds: one transaction does
            vector = ctx.embedder.embed_now([understood.asked.text])[0]
            return *await _answer(ctx, connection, understood, vector, weights), understood.zone
    vector = (await embed(ctx, [understood.asked.text]))[0]
    async with ctx.database.read_transaction(ctx.principal) as connection:
        return *await _answer(ctx, connection, understood, vector, weights), understood.zone


async def _understand(ctx: Context, connection: Connection, request: Search) -> _Understood | None:
    """Turn names to ids and words to lexemes; None when nothing can match."""
    scope = await resolve(ctx, connection, request.scope)
    if scope.nobody:
        return None
    zone = await identity.zone_of(ctx, connection, ctx.principal.user_id or scope.user_id)
    now = request.now or request.scope.as_of or ctx.clock.now()
    question = read(request.query, now.astimezone(zone), southern=ctx.settings.hemisphere == "south")
    key = (ctx.principal.organization_id, "multilingual")
    asked = await candidates.understand(connection, question, scope, multilingual=bool(ctx.cache.get(key)))
    if asked.multilingual:  # an organisation stays so
        ctx.cache.put(key, True)
    if not asked.sizes.tables:
        return None
    concepts = await vocabulary.concepts(ctx, connection, asked.unheard)
    return _Understood(request, question, scope, replace(asked, concepts=concepts), zone, now)


async def _answer(
    ctx: Context,
    connection: Connection,
    understood: _Understood,
    vector: NDArray[np.float32],
    weights: Weights | None,
) -> tuple[list[Hit], int]:
    """Return (hits, how many the budget left out): candidates gathered, ranked, read and packed."""
    gathered = await _gather(ctx, connection, understood, vector)
    ranked = await _rank(ctx, connection, understood, gathered.measured, weights)
    order = _best(understood, gathered.measured.evidence, ranked.score)
    ordinals = [int(ordinal) for ordinal in gathered.measured.evidence.ordinals[order]]
    items = await fetch_items(ctx, connection, understood.scope, ordinals, understood.asked.sizes.tables)
    read_rows = [(index, items[ordinal]) for index, ordinal in zip(order, ordinals, strict=True) if ordinal in items]
    sizes = [packing.tokens(item.content) for _, item in read_rows]
    packed = packing.pack(sizes, ranked.budget)
    hits = [
        Hit.model_construct(
            item=read_rows[position][1],
            rank=rank,
            score=round(float(ranked.score[read_rows[position][0]]), 6),
            tokens=sizes[position],
            why=_explain(understood, gathered, ranked, read_rows[position][0]),
        )
        for rank, position in enumerate(packed, start=1)
    ]
    return hits, len(read_rows) - len(packed)


async def _gather(
    ctx: Context, connection: Connection, understood: _Understood, vector: NDArray[np.float32]
) -> _Gathered:
    """Find candidates by meaning and by words, and measure every signal of each."""
    request, question, scope, asked = understood.request, understood.question, understood.scope, understood.asked
    sizes, exact_limit = asked.sizes, ctx.settings.exact_search_limit
    depth = max(DEPTH // 2 if sizes.indexed else DEPTH, request.k * _SPARE)
    nearest = await candidates.nearest(connection, scope, sizes, vector, limit=depth, exact_limit=exact_limit)
    postings = await candidates.postings(connection, scope, asked, ctx.database.match_operator)
    # Frequencies and the number they are measured by must speak of the same rows: those of the scope while every
    # posting in it is read, those of the organisation once its statistics are needed.
    lexicon = Lexicon.of(postings, asked, sizes.indexed or nearest.rows or 0)
    lexical = _lexical(lexicon)
    via = _merge(nearest.ordinals, [*lexical[:depth].tolist(), *lexicon.mentions[:DEPTH].tolist()])
    if question.times and (nearest.rows is None or nearest.rows > depth):
        for ordinal in await within(connection, scope, sizes, question, vector, limit=depth, exact_limit=exact_limit):
            via.setdefault(ordinal, ("time",))
    if len(via) < request.k:  # nobody gets fewer than there are
        for ordinal in await candidates.latest(connection, scope, sizes.tables, limit=request.k + len(via)):
            via.setdefault(ordinal, ("recent",))
    look = partial(
        candidates.features,
        connection,
        asked=asked,
        vector=vector,
        with_text=signals.reads_text(question),
        running=await _running(ctx, connection, request),
    )
    rows = await look(scope, ordinals=list(via))
    near = partial(candidates.nearest, connection, sizes=sizes, vector=vector, exact_limit=exact_limit)
    rows += await _others(connection, understood, rows, via, lexical, look, near)
    evidence = Evidence(question, lexicon, rows, named=bool(asked.names), session_terms=sizes.session_terms)
    return _Gathered(signals.measure(evidence), via)


async def _others(
    connection: Connection,
    understood: _Understood,
    rows: Sequence[Any],
    via: dict[int, tuple[str, ...]],
    lexical: Int64,
    look: Callable[..., Awaitable[list[Any]]],
    near: Callable[..., Awaitable[Nearest]],
) -> list[Any]:
    """Return further candidates, where parts of a few long texts left no place for others; into ``via`` too.

    Each further look passes over the texts that were seen, until there are enough others or nothing else is there.
    """
    enough = understood.request.k * _SPARE
    texts = {row["whole_id"] for row in rows if row["whole_id"] is not None}
    distinct = len({row["whole_id"] or row["ordinal"] for row in rows})
    others: list[Any] = []
    if distinct == len(rows) or understood.request.scope.part_of is not None:
        return others
    while distinct < enough:
        scope = replace(understood.scope, without=tuple(sorted(texts)))
        limit = enough + len(via)
        new = _merge(
            (await near(scope=scope, limit=limit)).ordinals,
            [ordinal for ordinal in lexical.tolist() if ordinal not in via][:DEPTH],
        )
        for ordinal in await candidates.latest(connection, scope, understood.asked.sizes.tables, limit=limit):
            new.setdefault(ordinal, ("recent",))
        new = {ordinal: how for ordinal, how in new.items() if ordinal not in via}
        if not new:
            break
        via.update(new)
        further = await look(scope, ordinals=list(new))
        others += further
        distinct += len({row["whole_id"] or row["ordinal"] for row in further})
        texts |= {row["whole_id"] for row in further if row["whole_id"] is not None}
    return others


async def _running(ctx: Context, connection: Connection, request: Search) -> UUID | None:
    """Find the conversation that is going on, if the request names one."""
    return await names.find(ctx, connection, "conversation", request.running) if request.running is not None else None


def _lexical(lexicon: Lexicon) -> Int64:
    """Return the ordinals that the words speak for, those that they speak for most first, their sessions included."""
    windows = lexicon.windows()
    if not len(windows):
        return windows
    return np.asarray(windows[np.argsort(-signals.lexical_scores(lexicon, windows), kind="stable")])


def _merge(near: Sequence[int], lexical: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Map each candidate to how it became one."""
    via: dict[int, tuple[str, ...]] = dict.fromkeys(near, ("vector",))
    for ordinal in lexical:
        via[ordinal] = (*via.get(ordinal, ()), "words")
    return via


async def _rank(
    ctx: Context, connection: Connection, understood: _Understood, measured: Measured, weights: Weights | None
) -> _Ranked:
    """Score the candidates: by the match alone, or with weights by the signals of recall."""
    match = fusion.match_scores(measured)
    if weights is None:
        return _Ranked(match, match, {}, None, None)
    weights, budget = await _agent_preferences(connection, understood, weights)
    recalled = fusion.recall_signals(measured, match, now=understood.now)
    return _Ranked(match, fusion.recall_scores(recalled, weights), recalled, weights, budget)


def _best(understood: _Understood, evidence: Evidence, score: Floats) -> list[int]:
    """Choose the candidates that score best; of a text in parts the best part, unless its parts are asked for."""
    chosen: list[int] = []
    texts: set[UUID] = set()
    for index in np.argsort(-score, kind="stable").tolist():
        text = evidence.rows[index]["whole_id"]
        if text is None or text not in texts or understood.request.scope.part_of is not None:
            chosen.append(index)
            texts.add(text)
        if len(chosen) == understood.request.k:
            break
    return chosen


async def _agent_preferences(
    connection: Connection, understood: _Understood, weights: Weights
) -> tuple[Weights, int | None]:
    """Choose the weights and the budget: the request's, else the agent's, else the defaults."""
    request, scope = understood.request, understood.scope
    if scope.agent_id is None:
        return weights, request.token_budget
    config = await agents.memory_config(connection, scope.principal.organization_id, scope.agent_id)
    if request.weights is None:
        weights = Weights(**config.retrieval_weights.model_dump())
    return weights, request.token_budget or config.token_budget


def _explain(understood: _Understood, gathered: _Gathered, ranked: _Ranked, index: int) -> Explanation:
    """Say why the candidate at an index was found, and why it stands where it does."""
    evidence = gathered.measured.evidence
    seen = zip(evidence.lexicon.terms, evidence.window.seen[index], strict=True)
    return Explanation.model_construct(
        match=fusion.explain_match(gathered.measured, index),
        match_score=round(float(ranked.match[index]), 6),
        recall=fusion.explain_recall(ranked.recalled, index, ranked.weights) if ranked.weights is not None else {},
        terms=tuple(term for term, count in seen if count),
        names=tuple(understood.asked.names),
        times=tuple(
            f"{span}, {times.name_of(understood.zone)}" for time in understood.question.times for span in time.spans
        ),
        via=gathered.via.get(int(evidence.ordinals[index]), ()),
    )
