"""The two rows of bare SQL in peers: a table with HNSW as it comes, and exact search within the user."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bench.peers_data import Contender, PeerQuery, PeerRow
from mnemon.ai.providers.static import StaticEmbedder

K = 10
_TABLE = "CREATE TABLE memories (id text PRIMARY KEY, user_id text, content text, embedding vector(256))"
_INSERT = "INSERT INTO memories VALUES ($1, $2, $3, $4)"
_SEARCH = "SELECT id FROM memories WHERE user_id = $1 ORDER BY embedding <=> $2 LIMIT 10"


async def bare(
    connection: Any, rows: Sequence[PeerRow], extra: Sequence[PeerRow], queries: Sequence[PeerQuery], *, hnsw: bool
) -> Contender:
    """Add, search, add one by one; every text is embedded on the way, as it would have to be.

    Args:
        connection: to an empty database with the vector types registered.
        rows: added in bulk: by COPY, or through the index by executemany.
        extra: added one by one afterwards.
        queries: what is asked.
        hnsw: with the index that everybody makes; without, the rows of the user are looked at one by one.
    """
    embedder = StaticEmbedder()
    await connection.execute(_TABLE)
    await connection.execute("CREATE INDEX ON memories (user_id)")
    if hnsw:
        await connection.execute("CREATE INDEX ON memories USING hnsw (embedding vector_cosine_ops)")
    began = time.perf_counter()
    vectors = embedder.embed_now([row.text for row in rows])
    records = [(row.id, row.user, row.text, vector) for row, vector in zip(rows, vectors, strict=True)]
    if hnsw:
        await connection.executemany(_INSERT, records)
    else:
        await connection.copy_records_to_table("memories", records=records)
    bulk = time.perf_counter() - began
    await connection.execute("ANALYZE memories")
    found, times = [], []
    for n, query in enumerate([*queries[:50], *queries]):
        began = time.perf_counter()
        hits = await connection.fetch(_SEARCH, query.user, embedder.embed_now([query.text])[0])
        if n >= 50:
            times.append(time.perf_counter() - began)
            found.append([hit["id"] for hit in hits])
    began = time.perf_counter()
    for row in extra:
        await connection.execute(_INSERT, row.id, row.user, row.text, embedder.embed_now([row.text])[0])
    single = time.perf_counter() - began
    name = "bare SQL with HNSW as it comes" if hnsw else "bare SQL, exact within the user"
    return Contender(name, "asyncpg", bulk, single, times, found)
