"""Learning sessions: begin, end, look back."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import Conflict
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.knowledge import repository
from mnemon.knowledge.repository import LearningSessionRepository
from mnemon.knowledge.schemas import FinishLearning, LearningQuery, LearningSession, StartLearning
from mnemon.knowledge.service.common import acting_agent
from mnemon.verbs import verb

_SESSIONS = Listing.newest("knowledge.learning_sessions", "started_at")


@verb("learning:write")
async def start_learning(ctx: Context, request: StartLearning) -> LearningSession:
    """Begin a stretch of learning (REQ-T120).

    Raises:
        Invalid: no agent is named and none acts.
        NotFound: there is no such agent.
    """
    agent = acting_agent(ctx, request.agent_id, "agent_id")
    values = request.model_dump(exclude={"agent_id", "transfer_mode"})
    async with ctx.database.session(ctx.principal) as session:
        sessions = LearningSessionRepository(session, ctx.principal.organization_id)
        row = await sessions.create(agent_id=agent, transfer_mode=request.transfer_mode.value, **values)
        return from_row(LearningSession, row)


@verb("learning:read")
async def get_learning_session(ctx: Context, session_id: UUID) -> LearningSession:
    """Read a session by its id.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        row = await repository.get_learning_session(connection, ctx.principal.organization_id, session_id)
    if row is None:
        raise missing("learning_session", session_id)
    return from_row(LearningSession, row)


@verb("learning:write")
async def finish_learning(ctx: Context, request: FinishLearning) -> LearningSession:
    """End a stretch of learning and say what came of it; it ends once.

    Raises:
        NotFound: there is no such session.
        Conflict: it has ended already.
    """
    async with ctx.database.session(ctx.principal) as session:
        sessions = LearningSessionRepository(session, ctx.principal.organization_id)
        row = await sessions.finish(request.id, request.improvement_score, request.session_metrics)
        if row is not None:
            return from_row(LearningSession, row)
        ended = await sessions.get_by_id(request.id)
    if ended is None:
        raise missing("learning_session", request.id)
    raise Conflict(
        "The learning session has ended already.",
        code="conflict.finished",
        completed_at=ended.completed_at.isoformat() if ended.completed_at else None,
    )


@verb("learning:read")
async def learning_sessions(ctx: Context, request: LearningQuery) -> Page[LearningSession]:
    """List sessions of an agent, from or to a domain, or all of them; newest first (REQ-T120).

    Raises:
        Invalid: the cursor is not one that a page gave.
    """
    after = _SESSIONS.after(ctx.principal, request)
    conditions = (request.agent_id, request.source_domain, request.target_domain)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.learning_sessions(
            connection, ctx.principal.organization_id, conditions, after, request.limit + 1
        )
    return _SESSIONS.page(ctx.principal, request, rows, partial(from_row, LearningSession))
