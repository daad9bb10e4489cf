"""search and recall: the stages of mnemon.memory.recall, one after the other, around two short transactions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from mnemon.agents import service as agents
from mnemon.ai.embedders import LocalEmbedder
from mnemon.context import Context
from mnemon.core import times
from mnemon.db.connection import Connection
from mnemon.memory.items import fetch_items
from mnemon.memory.recall import fusion, packing, succession
from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.signals import Evidence, Measured
from mnemon.memory.schemas import Contribution, Explanation, Hit, Item, Recollection, Search, Weights
from mnemon.memory.service.gathering import Gathered, Understood, gather, understand
from mnemon.memory.service.preparing import embed
from mnemon.verbs import verb


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
class _Ranked:
    """Candidates with their scores.

    Attributes:
        match: the match scores.
        score: what is ranked by: the match, or that of recall.
        recalled: the signals of recall by name; none for a search.
        weights: what they count; None for a search.
        budget: tokens that the hits may have together; None: no limit.
        gained: what of the score comes from standing in an earlier one's place.
    """

    match: Floats
    score: Floats
    recalled: dict[str, Floats]
    weights: Weights | None
    budget: int | None
    gained: Floats | None = None


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
    async with ctx.database.read_transaction(ctx.principal, by_key=True) as connection:
        understood = await understand(ctx, connection, request)
        if understood is None:
            return [], 0, ctx.zone
        if isinstance(ctx.embedder, LocalEmbedder):  # a few microseconds: one transaction does
            vector = ctx.embedder.embed_now([understood.asked.text])[0]
            return *await _answer(ctx, connection, understood, vector, weights), understood.zone
    vector = (await embed(ctx, [understood.asked.text]))[0]
    async with ctx.database.read_transaction(ctx.principal, by_key=True) as connection:
        return *await _answer(ctx, connection, understood, vector, weights), understood.zone


async def _answer(
    ctx: Context,
    connection: Connection,
    understood: Understood,
    vector: NDArray[np.float32],
    weights: Weights | None,
) -> tuple[list[Hit], int]:
    """Return (hits, how many the budget left out): candidates gathered, ranked, read and packed."""
    gathered = await gather(ctx, connection, understood, vector)
    ranked = await _rank(connection, understood, gathered.measured, weights)
    order, items = await _best(ctx, connection, understood, gathered, ranked)
    if len(items) < len(order) and gathered.is_held:  # of what is held, something is gone by now
        gathered = await gather(ctx, connection, understood, vector, anew=True)
        ranked = await _rank(connection, understood, gathered.measured, weights)
        order, items = await _best(ctx, connection, understood, gathered, ranked)
    read_rows = [(int(index), items[ordinal]) for index, ordinal in order if ordinal in items]
    sizes = [packing.tokens(item.content) for _, item in read_rows]
    packed = packing.pack(sizes, ranked.budget)
    chosen = [read_rows[position][0] for position in packed]
    explained = _explain(understood, gathered, ranked, chosen)
    scores = np.round(ranked.score[chosen], 6).tolist()
    hits = [
        Hit.model_construct(item=read_rows[position][1], rank=rank, score=score, tokens=sizes[position], why=why)
        for rank, (position, score, why) in enumerate(zip(packed, scores, explained, strict=True), start=1)
    ]
    return hits, len(read_rows) - len(packed)


async def _best(
    ctx: Context, connection: Connection, understood: Understood, gathered: Gathered, ranked: _Ranked
) -> tuple[list[tuple[int, int]], dict[int, Item]]:
    """Return ((index, ordinal) of the best candidates, in order; what there is of them, by ordinal)."""
    evidence = gathered.measured.evidence
    order = _chosen(understood, evidence, ranked.score)
    ordinals = evidence.ordinals[order].tolist()
    items = await fetch_items(ctx, connection, understood.scope, ordinals, understood.asked.sizes.tables)
    return list(zip(order, ordinals, strict=True)), items


def _chosen(understood: Understood, evidence: Evidence, score: Floats) -> list[int]:
    """Choose the candidates that score best; of a text in parts the best part, unless its parts are asked for."""
    chosen: list[int] = []
    texts: set[bytes] = set()
    of_texts = evidence.known["whole_id"].tolist()
    for index in np.argsort(-score, kind="stable").tolist():
        text = of_texts[index]
        if not text or text not in texts or understood.request.scope.part_of is not None:
            chosen.append(index)
            texts.add(text)
        if len(chosen) == understood.request.k:
            break
    return chosen


async def _rank(connection: Connection, understood: Understood, measured: Measured, weights: Weights | None) -> _Ranked:
    """Score the candidates: by the match alone, or with weights by the signals of recall."""
    match = fusion.match_scores(measured)
    if weights is None:
        return _Ranked(match, match, {}, None, None)
    weights, budget = await _agent_preferences(connection, understood, weights)
    recalled = fusion.recall_signals(measured, match, weights, now=understood.now)
    scores = fusion.recall_scores(recalled, weights)
    gained = succession.SIGNAL.measure(succession.Scored(measured, scores, succession.strength(weights)))
    return _Ranked(match, scores + gained, recalled, weights, budget, gained)


async def _agent_preferences(
    connection: Connection, understood: Understood, weights: Weights
) -> tuple[Weights, int | None]:
    """Choose the weights and the budget: the request's, else the agent's, else the defaults."""
    request, scope = understood.request, understood.scope
    if scope.agent_id is None:
        return weights, request.token_budget
    config = await agents.memory_config(connection, scope.principal.organization_id, scope.agent_id)
    if request.weights is None:
        weights = Weights(**config.retrieval_weights.model_dump())
    return weights, request.token_budget or config.token_budget


def _explain(understood: Understood, gathered: Gathered, ranked: _Ranked, indexes: Sequence[int]) -> list[Explanation]:
    """Say of each candidate at an index why it was found, and why it stands where it does."""
    if not indexes:
        return []
    measured, candidates = gathered.measured, list(indexes)
    terms, zone = measured.evidence.lexicon.terms, times.name_of(understood.zone)
    names = tuple(understood.asked.names)
    spans = tuple(f"{span}, {zone}" for time in understood.question.times for span in time.spans)
    match = fusion.explain_match(measured, candidates)
    scores = np.round(ranked.match[candidates], 6).tolist()
    recalled: list[dict[str, Contribution]] = [{} for _ in candidates]
    if ranked.weights is not None:
        recalled = fusion.explain_recall(ranked.recalled, candidates, ranked.weights, ranked.gained)
    seen = (measured.evidence.window.seen[candidates] > 0).tolist()
    return [
        Explanation.model_construct(
            match=match[at],
            match_score=scores[at],
            recall=recalled[at],
            terms=tuple(term for term, is_there in zip(terms, seen[at], strict=True) if is_there),
            names=names,
            times=spans,
            via=gathered.via(candidate),
        )
        for at, candidate in enumerate(candidates)
    ]
