"""SQL of memory: the ORM's repository, and the hot statements on the driver's connection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from mnemon.conversations.visibility import OWNER
from mnemon.db import sources
from mnemon.db.connection import Connection
from mnemon.db.recallable import RecallTable
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement
from mnemon.memory.models import MemoryORM, MemoryType

PACKAGE = "mnemon.memory"

#: What recall needs to know to search memories.
MEMORIES = RecallTable(
    name="memories",
    kind="memory",
    columns={
        "sender": "t.user_id",
        "speaker_agent": "CASE WHEN t.user_id IS NULL THEN t.agent_id END",
        "memory_type": "t.memory_type::text",
        "importance": "t.importance",
        "is_pinned": "t.is_pinned",
        "tier": "t.tier::text",
        "confidence": "t.confidence",
        "follows_question": "false",
        "conversation_id": "t.conversation_id",
        "role": "NULL::text",
        "status": "t.status::text",
        "access_count": "t.access_count",
        "superseded_by": "t.superseded_by",
        "superseded_at": "t.superseded_at",
        "valid_until": "least(t.valid_until, t.superseded_from)",
        "version": "t.version",
    },
    alive="(t.expires_at IS NULL OR t.expires_at > now()) AND t.status IN ('active', 'disputed')",
    owner=OWNER["memory"],
)


class MemoryRepository(BaseRepository[MemoryORM]):
    """Memories of one organisation (seed 002 FR-8)."""

    model = MemoryORM

    async def search_by_embedding(
        self,
        embedding: NDArray[np.float32],
        *,
        team_id: UUID | None = None,
        agent_id: UUID | None = None,
        memory_types: Collection[MemoryType] = (),
        limit: int = 10,
    ) -> Sequence[MemoryORM]:
        """Current memories by closeness in meaning; memories without an embedding are skipped (EC-5)."""
        query = self._current()
        if team_id is not None:
            query = query.where(MemoryORM.team_id == team_id)
        if agent_id is not None:
            query = query.where(MemoryORM.agent_id == agent_id)
        if memory_types:
            query = query.where(MemoryORM.memory_type.in_(memory_types))
        query = query.order_by(MemoryORM.embedding.cosine_distance(embedding)).limit(limit)
        return (await self.session.execute(query)).scalars().all()

    async def find_similar(
        self, embedding: NDArray[np.float32], *, threshold: float = 0.8, limit: int = 10
    ) -> Sequence[MemoryORM]:
        """Current memories whose cosine with the vector is at least the threshold, closest first."""
        distance = MemoryORM.embedding.cosine_distance(embedding)
        query = self._current().where(distance <= 1 - threshold).order_by(distance).limit(limit)
        return (await self.session.execute(query)).scalars().all()

    async def update_access(self, memory_ids: Collection[UUID]) -> None:
        """Count one access of each memory."""
        await self.session.execute(select(func.update_memory_access(list(memory_ids))))

    def _current(self) -> Any:
        return self._alive().where(MemoryORM.superseded_at.is_(None), MemoryORM.embedding.is_not(None))


async def known_sources(
    connection: Connection, organization_id: UUID, pairs: Collection[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Ids of the memories that these sources have brought already."""
    return await sources.known(connection, "memories", organization_id, pairs)


async def add_memories(connection: Connection, organization_id: UUID, columns: Sequence[Sequence[Any]]) -> set[UUID]:
    """Write memories, one array a column; returns the ids of those that were new."""
    rows = await connection.fetch(statement(PACKAGE, "add_memories"), organization_id, *columns)
    return {row["id"] for row in rows}


async def count_accesses(connection: Connection, ids: Sequence[UUID]) -> None:
    """Count accesses; an id listed twice counts twice."""
    await connection.fetchval("SELECT update_memory_access($1)", list(ids))


async def embedding_dimensions(connection: Connection) -> int | None:
    """The width of the embedding column, None before the first migration."""
    found: int | None = await connection.fetchval(
        "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass('memories') AND attname = 'embedding'"
    )
    return found
