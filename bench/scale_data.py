"""scale's rows: organisations of given sizes and a thousand others, written by COPY and indexed afterwards."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pgvector import HalfVector

from bench.report import Report
from bench.texts import Sentences
from mnemon.ai.providers.static import StaticEmbedder

USERS = 500
AGENTS = 20
_BATCH = 20_000
_COLUMNS = (
    "organization_id", "user_id", "agent_id", "content", "importance", "occurred_at",
    "embedding", "embedding_status", "embedding_model", "is_indexed",
)  # fmt: skip

#: The words of indexed rows and the sizes of organisations, as maintenance would have written them.
_STATISTICS = (
    """INSERT INTO recall_terms (organization_id, lexeme, documents)
    SELECT m.organization_id, w.lexeme, count(*) FROM memories m, unnest(m.search_vector) AS w
    WHERE m.is_indexed GROUP BY 1, 2""",
    """INSERT INTO recall_statistics (organization_id, indexed)
    SELECT organization_id, count(*) FROM memories WHERE is_indexed GROUP BY 1""",
)


@dataclass(frozen=True, slots=True)
class Organization:
    """An organisation of the benchmark; ``measured`` ones have users and agents of known names."""

    id: UUID
    slug: str
    rows: int
    measured: bool

    def users(self) -> int:
        """How many people it has."""
        return USERS if self.measured else max(1, min(20, self.rows // 20))


def organizations(sizes: Sequence[int], others: int, other_rows: int, seed: int = 7) -> list[Organization]:
    """The measured ones, then the others: the n-th has a share of 1/n."""
    chance = random.Random(seed)
    found = [Organization(_uuid(chance), f"size-{size}", size, True) for size in sizes]
    total = sum(1 / n for n in range(1, others + 1))
    found += [
        Organization(_uuid(chance), f"other-{n}", max(1, int(other_rows / n / total)), False)
        for n in range(1, others + 1)
    ]
    return found


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


async def load(report: Report, admin: Any, source: Path, many: Sequence[Organization], exact_limit: int) -> None:
    """Write everything: COPY without the two large indexes, then the indexes and the statistics."""
    steps: dict[str, float] = {}
    report.numbers["load_seconds"] = steps
    # As in any bulk load: no triggers, no foreign keys looked up, and the large indexes built once.
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("SET maintenance_work_mem = '2GB'")
    await admin.execute("SET max_parallel_maintenance_workers = 2")
    definitions = [
        await admin.fetchval("SELECT pg_get_indexdef($1::text::regclass)", name)
        for name in ("ix_memories_search", "ix_memories_embedding")
    ]
    await admin.execute("DROP INDEX ix_memories_search, ix_memories_embedding")
    await _people(admin, many)
    began = time.perf_counter()
    await _copy(admin, source, many, exact_limit)
    steps["embed and COPY"] = time.perf_counter() - began
    await _timed(steps, "VACUUM ANALYZE", admin, "VACUUM (ANALYZE) memories")
    for name, definition in zip(("full-text index", "HNSW index"), definitions, strict=True):
        await _timed(steps, name, admin, definition.replace(" ON ONLY ", " ON "))
    for statement in _STATISTICS:
        await _timed(steps, "word statistics", admin, statement)
    await _timed(steps, "ANALYZE", admin, "ANALYZE")
    await admin.execute("CHECKPOINT")
    await admin.execute("SET session_replication_role = origin")


async def _timed(steps: dict[str, float], name: str, admin: Any, statement: str) -> None:
    began = time.perf_counter()
    await admin.execute(statement)
    steps[name] = steps.get(name, 0.0) + time.perf_counter() - began
    print(f"  {name}: {time.perf_counter() - began:.0f} s", flush=True)


async def _people(admin: Any, many: Sequence[Organization]) -> None:
    await admin.copy_records_to_table(
        "organizations", columns=("id", "name", "slug"), records=[(one.id, one.slug, one.slug) for one in many]
    )
    await admin.execute("INSERT INTO search_salts (id) SELECT id FROM organizations ON CONFLICT DO NOTHING")
    await admin.execute(
        "INSERT INTO directory (digest, id) SELECT directory_digest('slug', slug), id FROM organizations "
        "ON CONFLICT DO NOTHING"
    )
    await admin.copy_records_to_table(
        "users",
        columns=("id", "organization_id", "external_id", "display_name"),
        records=[(user_id(one, n), one.id, f"user-{n}", f"User {n}") for one in many for n in range(one.users())],
    )
    await admin.copy_records_to_table(
        "agents",
        columns=("id", "organization_id", "external_id", "name", "slug", "status"),
        records=[
            (agent_id(one, n), one.id, f"agent-{n}", f"Agent {n}", f"agent-{n}", "active")
            for one in many
            if one.measured
            for n in range(AGENTS)
        ],
    )


def user_id(organization: Organization, n: int) -> UUID:
    """The id of its n-th person."""
    return UUID(int=organization.id.int ^ (n + 1), version=4)


def agent_id(organization: Organization, n: int) -> UUID:
    """The id of its n-th agent."""
    return UUID(int=organization.id.int ^ (n + 1) << 20, version=4)


async def _copy(admin: Any, source: Path, many: Sequence[Organization], exact_limit: int) -> None:
    embedder = StaticEmbedder()
    sentences = Sentences(source, seed=11)
    pending: list[tuple[Any, ...]] = []
    done = 0
    for row in _rows(many, exact_limit, sentences):
        pending.append(row)
        if len(pending) == _BATCH:
            await _write(admin, embedder, pending)
            done += len(pending)
            pending.clear()
            if done % 200_000 == 0:
                print(f"  {done:,} rows", flush=True)
    await _write(admin, embedder, pending)


async def _write(admin: Any, embedder: StaticEmbedder, rows: list[tuple[Any, ...]]) -> None:
    vectors = embedder.embed_now([row[3] for row in rows])
    records = (
        (*row[:6], HalfVector(vector), "ready", embedder.name, row[6])
        if vector.any()
        else (*row[:6], None, "empty", None, row[6])
        for row, vector in zip(rows, vectors, strict=True)
    )
    await admin.copy_records_to_table("memories", columns=_COLUMNS, records=records)


def _rows(many: Sequence[Organization], exact_limit: int, sentences: Sentences) -> Iterator[tuple[Any, ...]]:
    """The rows of all organisations, mixed as they would have come: a large one has many between two of a small one's.

    (organization, user, agent, content, importance, occurred_at, is_indexed)
    """
    chance = random.Random(5)
    owners = [one for one in many for _ in range(one.rows)]
    chance.shuffle(owners)
    people = {one.id: skewed(one.users()) for one in many}
    start = datetime(2023, 1, 1, tzinfo=UTC)
    step = timedelta(days=900) / max(len(owners), 1)
    for n, one in enumerate(owners):
        user = chance.choices(range(one.users()), cum_weights=people[one.id])[0]
        yield (
            one.id,
            user_id(one, user),
            agent_id(one, min(int(chance.expovariate(0.3)), AGENTS - 1)) if one.measured else None,
            sentences.one(),
            chance.randrange(1, 11),
            start + step * n,
            one.rows > exact_limit,
        )


def skewed(people: int) -> list[float]:
    """Cumulative weights: the n-th has a share of 1/n."""
    weights, total = [], 0.0
    for n in range(1, people + 1):
        total += 1 / n
        weights.append(total)
    return weights
