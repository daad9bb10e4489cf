"""What a search begins with: the question understood, and the rows that may answer it, with every match signal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemon.ai.embedders import LocalEmbedder
from mnemon.context import Context
from mnemon.db.connection import Connection
from mnemon.identity import service as identity
from mnemon.memory import names
from mnemon.memory.recall import candidates, signals, vocabulary
from mnemon.memory.recall.candidates import Asked, Int64, Nearest
from mnemon.memory.recall.coded import keeping
from mnemon.memory.recall.coded.gather import measure_part
from mnemon.memory.recall.coded.part import Part
from mnemon.memory.recall.held import holding
from mnemon.memory.recall.held.alike import WordVectors
from mnemon.memory.recall.held.gather import Via, measure_held
from mnemon.memory.recall.held.scope import HeldScope
from mnemon.memory.recall.known import Known
from mnemon.memory.recall.lexicon import Lexicon
from mnemon.memory.recall.question import Question, read
from mnemon.memory.recall.signals import Evidence, Measured
from mnemon.memory.recall.sought import Sought
from mnemon.memory.recall.within import within
from mnemon.memory.schemas import Search
from mnemon.memory.scope import ResolvedScope, resolve

#: Candidates from meaning and from words each; more of them change nothing, fewer lose what only one side sees.
DEPTH = 200
#: A hit outside the best k may still fit a token budget, so recall looks a little further.
_SPARE = 2


@dataclass(frozen=True, slots=True)
class Understood:
    """A search whose names have become ids and whose words have become lexemes.

    Attributes:
        base: what of the scope may be held in the process.
        held: what was held of it as the words were asked.
        zone: that of who asks.
        now: the moment of asking.
    """

    request: Search
    question: Question
    scope: ResolvedScope
    base: ResolvedScope
    asked: Asked
    zone: tzinfo
    now: datetime
    held: HeldScope | Part | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """Candidates with every match signal.

    Attributes:
        measured: the candidates.
        via: how each became one, by its place among them.
        is_held: whether they come from a copy in the process.
    """

    measured: Measured
    via: Via
    is_held: bool = False


async def understand(ctx: Context, connection: Connection, request: Search) -> Understood | None:
    """Turn names to ids and words to lexemes; None when nothing can match."""
    scope = await resolve(ctx, connection, request.scope)
    if scope.nobody:
        return None
    zone = await identity.zone_of(ctx, connection, ctx.principal.user_id or scope.user_id)
    now = request.now or request.scope.as_of or ctx.clock.now()
    question = read(request.query, now.astimezone(zone), southern=ctx.settings.hemisphere == "south")
    key = (ctx.principal.organization_id, "multilingual")
    base = holding.base_of(scope)
    held: HeldScope | Part | None = holding.find(ctx, base)
    if held is None:
        held = keeping.find(ctx, base)
    asked = await candidates.understand(
        connection,
        question,
        scope,
        multilingual=bool(ctx.cache.get(key)),
        version=None if held is None else held.version,
    )
    if asked.multilingual:  # an organisation stays so
        ctx.cache.put(key, True)
    if not asked.sizes.tables:
        return None
    return Understood(request, question, scope, base, asked, zone, now, held)


async def gather(
    ctx: Context, connection: Connection, understood: Understood, vector: NDArray[np.float32], *, anew: bool = False
) -> Gathered:
    """Find candidates by meaning and by words, and measure every signal of each.

    Args:
        ctx: the context.
        connection: in a transaction of the scope's principal.
        understood: the question.
        vector: its embedding.
        anew: whether a copy of the rows has turned out to be wrong.
    """
    running = await _running(ctx, connection, understood.request)
    if anew:
        holding.forget(ctx, understood.base, understood.asked)
    sought = Sought(
        understood.base,
        understood.scope,
        understood.asked,
        understood.question,
        vector,
        running,
        understood.request.k,
    )
    of_copies = await _of_copies(ctx, connection, understood.held, sought, anew=anew)
    if of_copies is not None:
        measured, via = of_copies
        return Gathered(measured, via, is_held=True)
    await candidates.plan_anew(connection)
    return await _gather(ctx, connection, understood, vector, running)


async def _of_copies(
    ctx: Context, connection: Connection, asked_about: HeldScope | Part | None, sought: Sought, *, anew: bool
) -> tuple[Measured, Via] | None:
    """Return the rows that match best with how each became one, by what is held in the process; None: nothing is."""
    base, asked, vectors = sought.base, sought.asked, _word_vectors(ctx)
    part = asked_about if isinstance(asked_about, Part) else None
    if part is None:
        seen = asked_about if isinstance(asked_about, HeldScope) else None
        held = await holding.settle(ctx, connection, base, asked, seen)
        if held is not None:
            return await measure_held(connection, held, sought, vectors)
    if anew:
        return None
    part = await keeping.settle(ctx, connection, base, asked, part)
    return None if part is None else await measure_part(connection, part, sought, vectors)


def _word_vectors(ctx: Context) -> WordVectors | None:
    """Return the vectors of words of the process, where the embedder answers at once."""
    if not isinstance(ctx.embedder, LocalEmbedder):
        return None
    key = ("word vectors", ctx.embedder.name)
    vectors = ctx.copies.get(key) or WordVectors(ctx.embedder)
    ctx.copies.put(key, vectors)
    return vectors


async def _gather(
    ctx: Context,
    connection: Connection,
    understood: Understood,
    vector: NDArray[np.float32],
    running: UUID | None,
) -> Gathered:
    """Gather from a scope that is too large to be held."""
    request, question, scope = understood.request, understood.question, understood.scope
    asked = replace(understood.asked, concepts=await vocabulary.concepts(ctx, connection, understood.asked.unheard))
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
        running=running,
    )
    rows = await look(scope, ordinals=list(via))
    near = partial(candidates.nearest, connection, sizes=sizes, vector=vector, exact_limit=exact_limit)
    rows += await _others(connection, understood, rows, via, lexical, look, near)
    evidence = Evidence(question, lexicon, Known.of(rows), bool(asked.names), sizes.session_terms)
    via_by_place = [via.get(ordinal, ()) for ordinal in evidence.ordinals.tolist()]
    return Gathered(signals.measure(evidence), via_by_place.__getitem__)


async def _others(
    connection: Connection,
    understood: Understood,
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
