"""SQL of memory: the ORM's repository, and the hot statements on the driver's connection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, or_, select

from mnemon.core.ids import new_id
from mnemon.db import sources
from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement
from mnemon.memory.columns import ADJUST, INSERT, SUPERSEDE
from mnemon.memory.models import MemoryORM, MemoryStatus, MemoryType
from mnemon.memory.schemas import NewMemory, Update

PACKAGE = "mnemon.memory"


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
        """Return current memories by closeness in meaning; memories without an embedding are skipped (EC-5)."""
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
        """Return current memories whose cosine with the vector is at least the threshold, closest first."""
        distance = MemoryORM.embedding.cosine_distance(embedding)
        query = self._current().where(distance <= 1 - threshold).order_by(distance).limit(limit)
        return (await self.session.execute(query)).scalars().all()

    async def update_access(self, memory_ids: Collection[UUID]) -> None:
        """Count one access of each memory."""
        await self.session.execute(select(func.update_memory_access(list(memory_ids))))

    def _current(self) -> Any:
        return self._alive().where(
            MemoryORM.superseded_at.is_(None),
            MemoryORM.status.in_((MemoryStatus.ACTIVE, MemoryStatus.DISPUTED)),
            or_(MemoryORM.expires_at.is_(None), MemoryORM.expires_at > func.now()),
            MemoryORM.embedding.is_not(None),
        )


async def known_sources(
    connection: Connection, organization_id: UUID, pairs: Collection[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Return ids of the memories that these sources have brought already."""
    return await sources.known(connection, "memories", organization_id, pairs)


async def add_memories(
    connection: Connection,
    organization_id: UUID,
    items: Sequence[NewMemory],
    found: Mapping[str, Sequence[Any]],
    *,
    model: str,
) -> set[UUID]:
    """Write memories, with a value a row for each column that is no field of theirs; returns the ids that were new."""
    arguments = INSERT.arguments(INSERT.of_requests(items), found)
    query = statement(PACKAGE, "add_memories", **INSERT.parts)
    return {row["id"] for row in await connection.fetch(query, organization_id, model, *arguments)}


async def adjust(connection: Connection, organization_id: UUID, ids: Sequence[UUID], request: Update) -> None:
    """Set what a request changes in place, in a row or in all parts of a text."""
    query = statement(PACKAGE, "adjust", **ADJUST.in_place)
    await connection.execute(query, organization_id, list(ids), *ADJUST.arguments(request))


@dataclass(frozen=True, slots=True)
class Correction:
    """What a memory is corrected by.

    Attributes:
        id: its id; of a text in parts that of the first.
        pieces: its text, or the parts of it.
        vectors: the embedding of each, None for one without known words.
        at: when it became true.
    """

    id: UUID
    pieces: Sequence[str]
    vectors: Sequence[Any]
    at: datetime


async def supersede(
    connection: Connection,
    organization_id: UUID,
    request: Update,
    old: Sequence[UUID],
    correction: Correction,
    *,
    model: str,
) -> None:
    """Write what corrects a memory, and end that, with all its parts, where the correction begins."""
    count = len(correction.pieces)
    await connection.execute(
        statement(PACKAGE, "supersede", **SUPERSEDE.corrected),
        organization_id,
        old[0],
        [correction.id, *(new_id() for _ in range(count - 1))],
        list(correction.pieces),
        correction.at,
        list(correction.vectors),
        model,
        correction.id if count > 1 else None,
        *SUPERSEDE.arguments(request),
    )
    await connection.execute(
        statement(PACKAGE, "mark_superseded"), organization_id, list(old), correction.id, correction.at
    )


async def count_accesses(connection: Connection, ids: Sequence[UUID], *, waiting: bool = False) -> list[UUID]:
    """Count accesses; an id listed twice counts twice.

    Args:
        connection: inside a transaction of the organisation.
        ids: the memories.
        waiting: wait for those that somebody else is changing; else they are returned, and are not counted.
    """
    if waiting:
        await connection.fetchval("SELECT update_memory_access($1)", list(ids))
        return []
    return list(await connection.fetchval("SELECT count_accesses($1)", list(ids)))


async def embedding_dimensions(connection: Connection) -> int | None:
    """Return the width of the embedding column, None before the first migration."""
    found: int | None = await connection.fetchval(
        "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass('memories') AND attname = 'embedding'"
    )
    return found
