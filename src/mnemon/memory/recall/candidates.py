"""Candidates: what the database is asked, and what it answers, in a handful of statements.

Every statement runs over the tables that can hold a match, joined by UNION ALL, names organization_id first, and
carries the scope's predicate: nothing is found that a scope leaves out, so nothing has to be thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.recallable import RecallTable
from mnemon.db.sql import statement
from mnemon.db.types import encode_vector
from mnemon.db.words import matching
from mnemon.memory.columns import feature_parts
from mnemon.memory.recall.heard import ENGLISH, EVERY_LANGUAGE, Word, hear, quote_lexeme
from mnemon.memory.recall.question import TEXT_LIMIT, Question
from mnemon.memory.recall.state import State
from mnemon.memory.recall.vocabulary import Concept
from mnemon.memory.scope import ResolvedScope

PACKAGE = "mnemon.memory"
Int64 = NDArray[np.int64]

#: Words of a question that are looked up, the rarest first; one bit each.
MAX_WORDS = 24
#: Rows that the words of a question may bring from a large tenant, rarest words first.
POSTINGS_BUDGET = 5000
#: No statement reads more postings than this, whatever the statistics said.
POSTINGS_LIMIT = 50_000
#: Indexed rows from which the vector index is searched as thoroughly as it can be. With a filter it is followed
#: further, too: the ten best of a tenth of the rows lie among the hundred best of all, and of those the index misses
#: more. At a million rows recall at 10 was .95 without a filter and .93 with one.
LARGE = 200_000
#: Settings of pgvector for such a search; a scan that is followed that far keeps more than the ordinary work_mem.
EFFORT = {"ef_search": 1000, "scan_mem_multiplier": 8, "max_scan_tuples": 40_000}
REACH_FILTERED = 16


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large an organisation's memory is, as far as recall plans with it."""

    indexed: int
    session_terms: float
    tables: tuple[RecallTable, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question after the database has looked at its words.

    Attributes:
        words: what is looked up, rarest first.
        names: words that are participants' names, with the ids of those called so.
        name_words: stemmed names; they find memories that mention somebody.
        text: the question without names, as it is embedded.
        unheard: runs of words that no indexed row has, with their lexemes.
        concepts: what stands for them.
        multilingual: whether the organisation has rows that are not stemmed as English.
        state: what a copy of the scope is measured by.
    """

    words: list[Word]
    names: dict[str, frozenset[UUID]]
    name_words: list[str]
    text: str
    sizes: Sizes
    unheard: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    concepts: list[Concept] = field(default_factory=list)
    multilingual: bool = False
    state: State = field(default_factory=lambda: State("", 0.0, changed=True, moved=True, mark=""))

    @property
    def lexemes(self) -> list[str]:
        """Every lexeme that is looked up, one bit each: the question's own, then those of its concepts."""
        own = [word.lexeme for word in self.words]
        return own + [lexeme for concept in self.concepts for lexeme, _, _ in concept.alike]

    @property
    def named(self) -> tuple[UUID, ...]:
        """Ids of everybody whom the question names."""
        return tuple(sorted(frozenset[UUID]().union(*self.names.values())))


@dataclass(frozen=True, slots=True)
class Postings:
    """Where words stand in one table: sorted ordinals and a bit mask of words for each."""

    table: RecallTable
    ordinals: Int64
    words: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The rows closest in meaning.

    Attributes:
        ordinals: the closest first.
        rows: rows of the scope if they were counted on the way, else None.
    """

    ordinals: tuple[int, ...]
    rows: int | None


async def plan_anew(connection: Connection) -> None:
    """Have the statements that follow in the transaction planned for what they are asked: rows of a scope, not by key.

    What finds rows by whole keys keeps its plan (``Database.read_transaction(by_key=True)``).
    """
    await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")


async def understand(
    connection: Connection,
    question: Question,
    scope: ResolvedScope,
    *,
    multilingual: bool = False,
    version: str | None = None,
) -> Asked:
    """Ask the database what it knows of the question's words and of the organisation's size.

    An organisation that is known to be multilingual is asked once, any other a second time if it turns out to be so.

    Args:
        connection: in a transaction of the scope's principal.
        question: what is asked.
        scope: where.
        multilingual: whether the organisation is known to be so.
        version: of a copy of the scope's rows, if there is one.
    """
    asked_words = question.words[:200]
    rows = await _ask(connection, question, asked_words, scope, multilingual=multilingual, version=version)
    sizes = rows[0]
    heard = hear(rows, question, asked_words)
    words = heard.words
    if not words:  # only names, or only stop words: the names are all there is to go by
        words = {lexeme: Word(lexeme, 0) for lexeme in heard.name_words}
    ranked = sorted(words.values(), key=lambda w: w.documents)
    return Asked(
        words=ranked[:MAX_WORDS],
        names=heard.names,
        name_words=heard.name_words[:6],
        text=question.without(frozenset(heard.names)),
        multilingual=bool(sizes["languages"]),
        state=State(sizes["server"], sizes["now"], sizes["changed"], sizes["moved"], sizes["mark"]),
        sizes=Sizes(
            indexed=sizes["indexed"],
            session_terms=sizes["session_terms"],
            tables=tuple(table for table in scope.tables() if sizes[table.kind]),
        ),
        unheard=[
            (" ".join(word for word, _ in run), tuple(lexeme for _, lexemes in run for lexeme in lexemes))
            for run in heard.unheard
            if run
        ]
        if sizes["indexed"]
        else [],
    )


async def _ask(
    connection: Connection,
    question: Question,
    asked_words: Sequence[str],
    scope: ResolvedScope,
    *,
    multilingual: bool,
    version: str | None,
) -> Sequence[Any]:
    view = version, scope.principal.user_id, scope.principal.agent_id
    organization = scope.principal.organization_id
    if not question.has_more and not multilingual:
        english = statement(PACKAGE, "recall_words", **ENGLISH)
        rows = await connection.fetch(english, organization, list(asked_words), scope.conversation_id, *view)
        if not rows[0]["languages"]:
            return rows
    whole_text = [question.text[:TEXT_LIMIT]] if question.has_more else []
    return await connection.fetch(
        statement(PACKAGE, "recall_words", **EVERY_LANGUAGE),
        organization,
        [*asked_words, *whole_text],
        scope.conversation_id,
        len(asked_words),
        *view,
    )


async def nearest(
    connection: Connection,
    scope: ResolvedScope,
    sizes: Sizes,
    vector: NDArray[np.float32],
    *,
    limit: int,
    exact_limit: int,
) -> Nearest:
    """Return the rows closest in meaning: exactly in a small scope, through the vector index in a large one."""
    exact = sizes.indexed == 0 or await is_small(connection, scope, sizes, exact_limit)
    if not exact and not vector.any():  # a question without a known word is close to nothing
        return Nearest((), None)
    reach = limit
    if not exact and sizes.indexed >= LARGE:
        for name, value in EFFORT.items():
            await connection.execute(f"SET LOCAL hnsw.{name} = {value}")
        reach = limit * REACH_FILTERED if scope.selective else limit
    rows = await _nearest(connection, "recall_exact" if exact else "recall_indexed", scope, sizes, vector, reach)
    if not exact and len(rows) < limit:  # the index gave up before the scope was exhausted
        exact = True
        rows = await _nearest(connection, "recall_exact", scope, sizes, vector, limit)
    rows.sort(key=lambda row: -(row["cosine"] if row["cosine"] is not None else -2.0))
    counted = sum({row["kind"]: row["rows"] for row in rows}.values()) if exact else None
    return Nearest(tuple(row["ordinal"] for row in rows[: limit * 2]), counted)


async def is_small(connection: Connection, scope: ResolvedScope, sizes: Sizes, limit: int) -> bool:
    """Tell whether a scope has at most so many rows; its index is asked no further than that."""
    if not scope.selective and sizes.indexed > limit:
        return False
    params = Params(scope.principal.organization_id)
    parts = [
        statement(
            PACKAGE,
            "recall_size_bounded",
            table=table.name,
            scope=scope.predicate(table, params, whole=True),
            limit=str(limit + 1),
        )
        for table in sizes.tables
    ]
    rows = await connection.fetch(_union(parts), *params.values)
    return bool(sum(row["count"] for row in rows) <= limit)


async def _nearest(
    connection: Connection,
    name: str,
    scope: ResolvedScope,
    sizes: Sizes,
    vector: NDArray[np.float32],
    limit: int,
) -> list[Any]:
    params = Params(scope.principal.organization_id)
    parameter = params.add(encode_vector(vector) if vector.any() else None, "halfvec")
    parts = [
        statement(
            PACKAGE,
            name,
            table=table.name,
            kind=table.kind,
            vector=parameter,
            scope=scope.predicate(table, params, whole=name == "recall_exact"),
            limit=str(int(limit)),
        )
        for table in sizes.tables
    ]
    return list(await connection.fetch(_union(parts), *params.values))


async def postings(connection: Connection, scope: ResolvedScope, asked: Asked, match: str) -> list[Postings]:
    """Return where the question's words stand, rarest words first within a budget for large tenants."""
    params = Params(scope.principal.organization_id)
    queries = {word.lexeme: word.query for word in asked.words}
    for lexeme in (*asked.lexemes, *asked.name_words):
        queries.setdefault(lexeme, quote_lexeme(lexeme))
    tables, parts = [], []
    for table in asked.sizes.tables:
        lexemes = asked.lexemes
        affordable = _affordable(asked) if asked.sizes.indexed else lexemes
        query = " | ".join(queries[lexeme] for lexeme in affordable)
        if table.kind == "memory" and asked.name_words:
            lexemes = lexemes + [name for name in asked.name_words if name not in lexemes]
            query = " | ".join([query, *(quote_lexeme(name) for name in asked.name_words)] if query else [])
        if not query:
            continue
        bits = " | ".join(
            # (in brackets: `<<` and `|` have the same precedence in SQL)
            f"((t.search_vector @@ {params.add(queries[lexeme], 'text')}::tsquery)::int << {n})"
            for n, lexeme in enumerate(lexemes[:31])
        )
        part = statement(
            PACKAGE,
            "recall_postings",
            table=table.name,
            bits=bits,
            match=matching(match),
            any=params.add(query),
            scope=scope.predicate(table, params, whole=True),
            limit=str(POSTINGS_LIMIT),
        )
        tables.append(table)
        parts.append(part)
    if not parts:
        return []
    rows = await connection.fetch(_union(parts), *params.values)
    return [
        _unpack(table, row["ordinals"], row["words"])
        for table, row in zip(tables, rows, strict=True)
        if row["ordinals"] is not None
    ]


def _affordable(asked: Asked) -> list[str]:
    """Return the rarest words whose rows together fit the budget; at least one that somebody said."""
    costs = [(word.documents, word.lexeme) for word in asked.words]
    costs += [(documents, lexeme) for concept in asked.concepts for lexeme, _, documents in concept.alike]
    chosen: list[str] = []
    spent = 0
    for documents, lexeme in sorted(costs):
        if spent and spent + documents > POSTINGS_BUDGET:
            break
        spent += documents
        chosen.append(lexeme)
    return chosen


def _unpack(table: RecallTable, ordinals: bytes, words: bytes) -> Postings:
    places = np.frombuffer(ordinals, dtype=">i8").astype(np.int64)
    masks = np.frombuffer(words, dtype=">i4").astype(np.int32)
    order = np.argsort(places)
    return Postings(table, places[order], masks[order])


async def features(
    connection: Connection,
    scope: ResolvedScope,
    asked: Asked,
    ordinals: Sequence[int],
    vector: NDArray[np.float32],
    *,
    with_text: bool,
    running: UUID | None,
) -> list[Any]:
    """Return what is known of each candidate; those that the scope leaves out are not among the answers."""
    params = Params(scope.principal.organization_id)
    parameter = params.add(encode_vector(vector) if vector.any() else None, "halfvec")
    shared = {
        "vector": parameter,
        "ordinals": params.add(list(ordinals), "bigint[]"),
        "named": params.add(list(asked.named), "uuid[]"),
        "asker": params.add(scope.user_id, "uuid"),
        "running": params.add(running, "uuid"),
        "text": "t.content" if with_text else "NULL::text",
    }
    parts = [
        statement(
            PACKAGE,
            "recall_features",
            scope=scope.predicate(table, params),
            **shared,
            **feature_parts(table),
        )
        for table in asked.sizes.tables
    ]
    return list(await connection.fetch(_union(parts), *params.values)) if parts else []


async def latest(
    connection: Connection, scope: ResolvedScope, tables: Sequence[RecallTable], *, limit: int
) -> list[int]:
    """Ordinals of the latest rows of the scope."""
    params = Params(scope.principal.organization_id)
    parts = [
        statement(
            PACKAGE, "recall_latest", table=table.name, scope=scope.predicate(table, params), limit=str(int(limit))
        )
        for table in tables
    ]
    rows = await connection.fetch(_union(parts), *params.values) if parts else []
    return [row["ordinal"] for row in sorted(rows, key=lambda row: row["occurred_at"], reverse=True)[:limit]]


def _union(parts: Sequence[str]) -> str:
    return "\nUNION ALL\n".join(parts)
