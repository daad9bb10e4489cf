"""SQL of knowledge: the ORM's part, and the hot statements on the driver's connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, update

from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.rows import parsed
from mnemon.db.sql import statement
from mnemon.db.words import languages_of, matching
from mnemon.knowledge.models import KnowledgeItemORM, LearningSessionORM, PatternORM
from mnemon.knowledge.schemas import SearchKnowledge, UsageQuery

PACKAGE = "mnemon.knowledge"

#: Matches that a search ranks at most: a word that every item has costs as much as one that a few thousand have.
RANKED = 5000


class KnowledgeItemRepository(BaseRepository[KnowledgeItemORM]):
    """Items of one organisation."""

    model = KnowledgeItemORM


class PatternRepository(BaseRepository[PatternORM]):
    """Patterns of one organisation."""

    model = PatternORM


class LearningSessionRepository(BaseRepository[LearningSessionORM]):
    """Learning sessions of one organisation."""

    model = LearningSessionORM

    async def finish(self, session_id: UUID, score: float | None, metrics: dict[str, Any]) -> LearningSessionORM | None:
        """End a session that is under way; None if it has ended or there is none. Uses pk_learning_sessions."""
        model = LearningSessionORM
        query = (
            update(model)
            .where(
                model.organization_id == self.organization_id,
                model.id == session_id,
                model.completed_at.is_(None),
                model.deleted_at.is_(None),
            )
            .values(
                improvement_score=score,
                session_metrics=model.session_metrics.concat(metrics),
                completed_at=func.greatest(func.now(), model.started_at),
            )
            .returning(model)
        )
        return (await self.session.execute(query)).scalar_one_or_none()


async def get_item(connection: Connection, organization_id: UUID, knowledge_id: UUID) -> dict[str, Any] | None:
    """Return an item that is not deleted."""
    row = await connection.fetchrow(statement(PACKAGE, "get_knowledge"), organization_id, knowledge_id)
    return None if row is None else parsed(row, "content")


async def search(
    connection: Connection, organization_id: UUID, request: SearchKnowledge, *, match: str
) -> list[dict[str, Any]]:
    """Return items by words, best first; ``match`` is the server's full-text operator."""
    rows = await connection.fetch(
        statement(PACKAGE, "search_knowledge", match=matching(match)),
        organization_id,
        request.query,
        *_filters(request),
        request.limit,
        RANKED,
        await languages_of(connection, organization_id),
    )
    return [parsed(row, "content") for row in rows]


async def listing(
    connection: Connection,
    organization_id: UUID,
    request: SearchKnowledge,
    after: Sequence[Any],
) -> list[dict[str, Any]]:
    """Return items newest first, one more than asked for if there are more."""
    rows = await connection.fetch(
        statement(PACKAGE, "list_knowledge"), organization_id, *_filters(request), *after, request.limit + 1
    )
    return [parsed(row, "content") for row in rows]


def _filters(request: SearchKnowledge) -> tuple[Any, ...]:
    least = request.min_confidence
    return (
        request.domain,
        request.source_agent_id,
        list(request.tags) or None,
        list(request.any_tags) or None,
        None if least is None else Decimal(str(least)),
    )


async def transfers(
    connection: Connection,
    organization_id: UUID,
    *,
    knowledge_id: UUID | None,
    agent_id: UUID | None,
    after: Sequence[Any],
    limit: int,
) -> list[Any]:
    """Return transfers with names, newest first."""
    return await connection.fetch(
        statement(PACKAGE, "list_transfers"), organization_id, knowledge_id, agent_id, *after, limit
    )


async def transfer(connection: Connection, organization_id: UUID, transfer_id: UUID) -> Any:
    """Return one transfer with names, or None."""
    return await connection.fetchrow(statement(PACKAGE, "get_transfer"), organization_id, transfer_id)


async def add_transfer(connection: Connection, organization_id: UUID, *values: Any) -> UUID | None:
    """Begin a transfer: (item, source agent or None for the item's own, target agent, method); None without item."""
    made: UUID | None = await connection.fetchval(statement(PACKAGE, "add_transfer"), organization_id, *values)
    return made


async def finish_transfer(
    connection: Connection, organization_id: UUID, transfer_id: UUID, *, success: bool, error_message: str | None
) -> bool:
    """End a transfer; False if it is not under way."""
    done = await connection.fetchval(
        statement(PACKAGE, "finish_transfer"), organization_id, transfer_id, success, error_message
    )
    return done is not None


async def get_pattern(connection: Connection, organization_id: UUID, pattern_id: UUID) -> dict[str, Any] | None:
    """Return a pattern that is not deleted."""
    row = await connection.fetchrow(statement(PACKAGE, "get_pattern"), organization_id, pattern_id)
    return None if row is None else parsed(row, "pattern_data", "metadata")


async def find_patterns(
    connection: Connection, organization_id: UUID, kind: str | None, least: float | None, limit: int
) -> list[dict[str, Any]]:
    """Return patterns by type and accuracy, most used first."""
    accuracy = None if least is None else Decimal(str(least))
    rows = await connection.fetch(statement(PACKAGE, "find_patterns"), organization_id, kind, accuracy, limit)
    return [parsed(row, "pattern_data", "metadata") for row in rows]


async def get_learning_session(
    connection: Connection, organization_id: UUID, session_id: UUID
) -> dict[str, Any] | None:
    """Return a learning session that is not deleted."""
    row = await connection.fetchrow(statement(PACKAGE, "get_learning_session"), organization_id, session_id)
    return None if row is None else parsed(row, "session_metrics")


async def learning_sessions(
    connection: Connection,
    organization_id: UUID,
    conditions: tuple[UUID | None, str | None, str | None],
    after: Sequence[Any],
    limit: int,
) -> list[dict[str, Any]]:
    """Learning sessions of an agent, from a domain, to a domain, newest first."""
    rows = await connection.fetch(
        statement(PACKAGE, "list_learning_sessions"), organization_id, *conditions, *after, limit
    )
    return [parsed(row, "session_metrics") for row in rows]


async def record_use(connection: Connection, organization_id: UUID, *values: Any) -> Any:
    """Note a use: (pattern, agent, success, context, at); (id, is_counted), or None without such a pattern."""
    return await connection.fetchrow(statement(PACKAGE, "record_pattern_use"), organization_id, *values)


async def add_pattern_uses(connection: Connection, organization_id: UUID, rows: Sequence[tuple[Any, ...]]) -> int:
    """Note uses: (pattern, agent, success, context, at); how many had their pattern."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    done = await connection.execute(statement(PACKAGE, "add_pattern_uses"), organization_id, *columns)
    return int(done.rsplit(" ", 1)[1])


async def record_runs(connection: Connection, organization_id: UUID, rows: Sequence[tuple[Any, ...]]) -> int:
    """Write runs: (pattern, agent, milliseconds, success, error, at)."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return len(await connection.fetch(statement(PACKAGE, "record_runs"), organization_id, *columns))


async def record_uses(connection: Connection, organization_id: UUID, rows: Sequence[tuple[Any, ...]]) -> int:
    """Write what happened to items: (item, agent, event, value, metadata, at)."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return len(await connection.fetch(statement(PACKAGE, "record_uses"), organization_id, *columns))


async def effectiveness(
    connection: Connection, organization_id: UUID, pattern_id: UUID, since: datetime, until: datetime
) -> dict[str, Any]:
    """Return how a pattern did in a window."""
    row = await connection.fetchrow(
        statement(PACKAGE, "pattern_effectiveness"), organization_id, pattern_id, since, until
    )
    return parsed(row, "errors")


async def usage(connection: Connection, organization_id: UUID, request: UsageQuery, until: datetime) -> list[Any]:
    """Return what happened to items in a window."""
    return await connection.fetch(
        statement(PACKAGE, "knowledge_usage"),
        organization_id,
        request.since,
        until,
        request.every,
        request.knowledge_id,
        request.domain,
    )


async def summaries(connection: Connection, organization_id: UUID, which: str, limit: int) -> list[Any]:
    """Return ``pattern`` or ``knowledge`` summaries as of the last refresh."""
    return await connection.fetch(statement(PACKAGE, f"{which}_summaries"), organization_id, limit)


async def count_usage(connection: Connection, organization_id: UUID, limit: int) -> int:
    """Bring uncounted uses into their patterns; how many were."""
    counted: int = await connection.fetchval("CALL count_pattern_usage($1, $2, NULL)", organization_id, limit)
    return counted


async def recompute_accuracy(connection: Connection, organization_id: UUID, since: datetime, minimum: int) -> int:
    """Set accuracies from measured runs; how many changed."""
    changed: int = await connection.fetchval(
        "CALL recompute_pattern_accuracy($1, $2, $3, NULL)", organization_id, since, minimum
    )
    return changed


async def refresh(connection: Connection) -> bool:
    """Refresh the summaries; False while somebody else is at it."""
    done: bool = await connection.fetchval("SELECT refresh_knowledge_summaries()")
    return done
