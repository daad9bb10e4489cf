"""Patterns: add, find, apply, measure."""

from __future__ import annotations

from uuid import UUID

from mnemon.context import Context
from mnemon.core.changes import some_changes
from mnemon.core.errors import NotFound
from mnemon.db.rows import from_row, missing
from mnemon.db.types import dump_json
from mnemon.knowledge import repository
from mnemon.knowledge.repository import PatternRepository
from mnemon.knowledge.schemas import (
    AddPattern,
    Effectiveness,
    EffectivenessQuery,
    FindPatterns,
    Pattern,
    PatternSummary,
    PatternUse,
    RecordPatternUses,
    RecordRuns,
    SummaryQuery,
    UpdatePattern,
)
from mnemon.knowledge.service.common import acting_agent
from mnemon.verbs import verb


@verb("patterns:write")
async def add_pattern(ctx: Context, request: AddPattern) -> Pattern:
    """Keep a pattern that was learnt (REQ-T116)."""
    values = request.model_dump(exclude={"type", "metadata"})
    async with ctx.database.session(ctx.principal) as session:
        patterns = PatternRepository(session, ctx.principal.organization_id)
        row = await patterns.create(type=request.type.value, metadata_=request.metadata, **values)
        return from_row(Pattern, row)


@verb("patterns:read")
async def get_pattern(ctx: Context, pattern_id: UUID) -> Pattern:
    """Read a pattern by its id.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        row = await repository.get_pattern(connection, ctx.principal.organization_id, pattern_id)
    if row is None:
        raise missing("pattern", pattern_id)
    return from_row(Pattern, row)


@verb("patterns:read")
async def find_patterns(ctx: Context, request: FindPatterns) -> tuple[Pattern, ...]:
    """Find patterns of a type with at least an accuracy, most used first (REQ-T116)."""
    kind = request.type.value if request.type else None
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.find_patterns(
            connection, ctx.principal.organization_id, kind, request.min_accuracy, request.limit
        )
    return tuple(from_row(Pattern, row) for row in rows)


@verb("patterns:write")
async def update_pattern(ctx: Context, request: UpdatePattern) -> Pattern:
    """Change a pattern; uses that are counted meanwhile are no conflict.

    Raises:
        Invalid: nothing is given to change.
        NotFound: there is no such pattern.
        Conflict: another change came first; both versions are in ``data`` (REQ-T107).
    """
    values = some_changes(request)
    if "metadata" in values:
        values["metadata_"] = values.pop("metadata")
    async with ctx.database.session(ctx.principal) as session:
        patterns = PatternRepository(session, ctx.principal.organization_id)
        row = await patterns.update(request.id, expected_version=request.expected_version, **values)
        return from_row(Pattern, row)


@verb("patterns:delete")
async def delete_pattern(ctx: Context, pattern_id: UUID) -> None:
    """Delete a pattern softly: what was measured stays (REQ-T105).

    Raises:
        NotFound: there is no such pattern.
    """
    async with ctx.database.session(ctx.principal) as session:
        if not await PatternRepository(session, ctx.principal.organization_id).delete(pattern_id):
            raise missing("pattern", pattern_id)


@verb("patterns:write")
async def record_pattern_use(ctx: Context, request: PatternUse) -> bool:
    """Note that a pattern was applied (REQ-T133).

    A popular pattern is applied by many at once, and none of them waits: who finds the pattern's row free counts the
    use in ``usage_count`` at once; who finds it held leaves that to :func:`count_pattern_uses`. No use is lost or
    counted twice.

    Returns:
        Whether ``usage_count`` has this use already.

    Raises:
        Invalid: no agent is named and none acts.
        NotFound: there is no such pattern or agent.
    """
    agent = acting_agent(ctx, request.agent_id, "agent_id")
    async with ctx.database.transaction(ctx.principal) as connection:
        row = await repository.record_use(
            connection,
            ctx.principal.organization_id,
            request.pattern_id,
            agent,
            request.success,
            dump_json(request.context),
            request.at,
        )
    if row is None:
        raise missing("pattern", request.pattern_id)
    return bool(row["is_counted"])


@verb("patterns:write")
async def record_pattern_uses(ctx: Context, request: RecordPatternUses) -> int:
    """Note many applications of patterns, all of them or none; returns how many (REQ-T133).

    ``usage_count`` gets them from :func:`count_pattern_uses`.

    Raises:
        Invalid: a use names no agent and none acts.
        NotFound: one of the patterns or agents does not exist.
    """
    rows = [
        (
            use.pattern_id,
            acting_agent(ctx, use.agent_id, f"uses.{place}.agent_id"),
            use.success,
            dump_json(use.context),
            use.at,
        )
        for place, use in enumerate(request.uses)
    ]
    async with ctx.database.transaction(ctx.principal, bulk=True) as connection:
        written = await repository.add_pattern_uses(connection, ctx.principal.organization_id, rows)
        if written < len(rows):
            raise NotFound(
                "pattern_id names something that does not exist in this organisation.",
                code="not_found.reference",
                field="pattern_id",
            )
    return written


@verb("patterns:write")
async def record_pattern_metrics(ctx: Context, request: RecordRuns) -> int:
    """Write measured runs, all of them or none; returns how many (REQ-T117).

    Raises:
        Invalid: a run names no agent and none acts.
        NotFound: one of the patterns or agents does not exist.
    """
    rows = [
        (
            run.pattern_id,
            acting_agent(ctx, run.agent_id, f"runs.{place}.agent_id"),
            run.execution_time_ms,
            run.success,
            run.error_type,
            run.at,
        )
        for place, run in enumerate(request.runs)
    ]
    async with ctx.database.transaction(ctx.principal) as connection:
        return await repository.record_runs(connection, ctx.principal.organization_id, rows)


@verb("patterns:read")
async def pattern_effectiveness(ctx: Context, request: EffectivenessQuery) -> Effectiveness:
    """Measure success rate, times and kinds of failure of a pattern in a window (REQ-T117, REQ-T133).

    Raises:
        NotFound: there is no such pattern.
    """
    organization = ctx.principal.organization_id
    until = request.until or ctx.clock.now()
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        if await repository.get_pattern(connection, organization, request.pattern_id) is None:
            raise missing("pattern", request.pattern_id)
        row = await repository.effectiveness(connection, organization, request.pattern_id, request.since, until)
    return Effectiveness(pattern_id=request.pattern_id, **row)


@verb("patterns:read")
async def pattern_summaries(ctx: Context, request: SummaryQuery) -> tuple[PatternSummary, ...]:
    """Read how patterns did over all time, as of the last refresh, most runs first (REQ-T149)."""
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.summaries(connection, ctx.principal.organization_id, "pattern", request.limit)
    return tuple(from_row(PatternSummary, row) for row in rows)
