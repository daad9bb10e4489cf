"""The verbs of facts: assert_fact, retract_fact, facts_at, history_of; and reconstruct, which reads a memory's log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from mnemon.agents import service as agents
from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.pages import Page, PageRequest
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.params import Params
from mnemon.db.rows import from_row, missing
from mnemon.identity import service as identity
from mnemon.memory import facts
from mnemon.memory.schemas_facts import (
    Asserted,
    AssertFact,
    Fact,
    FactHistory,
    FactsAt,
    Reconstruct,
    Reconstructed,
    RetractFact,
)
from mnemon.memory.service.seen import require_seen
from mnemon.memory.visibility import visible, visible_fact
from mnemon.verbs import verb

_FACTS_AT = Listing(
    "memory.facts_at",
    {"subject": str, "predicate": str, "valid_from": datetime, "recorded_at": datetime, "id": UUID},
)
_HISTORY_OF = Listing("memory.history_of", {"recorded_at": datetime, "valid_from": datetime, "id": UUID})
_TYPES = {str: "text", datetime: "timestamptz", UUID: "uuid"}


@verb("facts:write")
async def assert_fact(ctx: Context, request: AssertFact) -> Asserted:
    """Record a fact; of a single-valued predicate it takes the place of what was known for the same time.

    What was known is not overwritten: the old row is retracted, and what is left of its time is recorded anew. A fact
    that is known already for the whole of its time is returned as it is. Without an end it lasts until the next known
    fact of its kind begins: a late report of an early time does not undo what came after. What the principal may not
    see is neither told nor undone: it stays known beside this.

    Raises:
        NotFound: the team, the message or the memory is not there, or not this principal's to see.
        Forbidden: the team is not the person's.
        Invalid: it ends before it begins (with ``valid_from`` left to the clock).
    """
    begins = request.valid_from or ctx.clock.now()
    if request.valid_until is not None and request.valid_until <= begins:
        raise Invalid("valid_until is not after valid_from.", code="invalid.valid_until", field="valid_until")
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        row = await _row(ctx, connection, request)
        await facts.lock(connection, row["team_id"], request.subject, request.predicate)
        current = await _known(ctx, connection, row["team_id"], request)
        if not request.single_valued:
            current = [ending for ending in current if ending["object"] == request.object]
        change = facts.plan(current, request.object, begins, request.valid_until)
        if change.known is not None:
            return Asserted(fact=_fact(change.known), created=False, retracted=())
        now = await facts.next_moment(connection, organization, request.subject, request.predicate)
        ended = [ending["id"] for ending in change.ends]
        if ended:
            await facts.retract(connection, organization, ended, now)
        added = await facts.add(connection, organization, [(row, change.span), *change.left], now)
    return Asserted(fact=_fact(added[0]), created=True, retracted=tuple(ended))


async def _row(ctx: Context, connection: Connection, request: AssertFact) -> dict[str, Any]:
    """Return what the request says, its names as ids."""
    principal, organization = ctx.principal, ctx.principal.organization_id
    row = request.model_dump(
        include={"subject", "predicate", "object", "confidence", "source_message_id", "source_memory_id"}
    )
    row |= {"user_id": principal.user_id, "agent_id": principal.agent_id, "team_id": None}
    for kind in ("message", "memory"):
        if row[f"source_{kind}_id"] is not None and not principal.is_organization:
            await require_seen(ctx, connection, kind, [row[f"source_{kind}_id"]], f"source_{kind}_id")
    if request.user is not None:
        row["user_id"] = (await identity.ensure_users(connection, organization, [request.user]))[request.user]
    if request.agent is not None:
        row["agent_id"] = (await agents.ensure_agents(connection, organization, [request.agent]))[request.agent]
    if request.team is not None:
        row["team_id"] = await identity.find_team(connection, organization, request.team)
        await agents.require_team(connection, principal, [row["team_id"]])
    return row


async def _known(ctx: Context, connection: Connection, team_id: UUID | None, request: AssertFact) -> list[Any]:
    params = Params(ctx.principal.organization_id, request.subject, request.predicate, team_id)
    return await facts.known(connection, params, visible_fact(ctx.principal, params))


@verb("facts:write")
async def retract_fact(ctx: Context, request: RetractFact) -> Fact | None:
    """Take a fact back: as never true, or as true until a moment only; then what is left of it is returned.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
        Conflict: it is known no longer.
        Invalid: ``valid_until`` is not within its time.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        row = await _one(ctx, connection, request.id)
        await facts.lock(connection, row["team_id"], row["subject"], row["predicate"])
        row = await _one(ctx, connection, request.id)
        if row["retracted_at"] is not None:
            raise Conflict(
                "The fact is known no longer.",
                code="conflict.retracted",
                hint="Read what is known now.",
                retracted_at=row["retracted_at"].isoformat(),
            )
        end = request.valid_until
        if end is not None and (
            end <= row["valid_from"] or (row["valid_until"] is not None and end >= row["valid_until"])
        ):
            raise Invalid(
                "valid_until is not within the time the fact is true.", code="invalid.valid_until", field="valid_until"
            )
        now = await facts.next_moment(connection, organization, row["subject"], row["predicate"])
        await facts.retract(connection, organization, [row["id"]], now)
        if end is None:
            return None
        return _fact((await facts.add(connection, organization, [(row, (row["valid_from"], end))], now))[0])


async def _one(ctx: Context, connection: Connection, fact_id: UUID) -> Any:
    params = Params(ctx.principal.organization_id, 1, fact_id)
    rows = await facts.read(connection, params, f"t.id = $3 AND {visible_fact(ctx.principal, params)}", order="t.id")
    if not rows:
        raise missing("fact", fact_id)
    return rows[0]


@verb("facts:read")
async def facts_at(ctx: Context, request: FactsAt) -> Page[Fact]:
    """List facts that were true at one moment, as they were known at another; by subject and predicate."""
    params = Params(ctx.principal.organization_id, request.limit + 1)
    rules = _about(params, request.subject, request.predicate, request.object)
    valid = params.add(request.valid_at or ctx.clock.now(), "timestamptz")
    rules.append(f"t.valid_from <= {valid} AND (t.valid_until IS NULL OR t.valid_until > {valid})")
    if request.known_at is None:
        rules.append("t.retracted_at IS NULL")
    else:
        knew = params.add(request.known_at, "timestamptz")
        rules.append(f"t.recorded_at <= {knew} AND (t.retracted_at IS NULL OR t.retracted_at > {knew})")
    return await _page(ctx, request, _FACTS_AT, params, rules)


@verb("facts:read")
async def history_of(ctx: Context, request: FactHistory) -> Page[Fact]:
    """List every fact of a subject that was ever recorded, in that order."""
    params = Params(ctx.principal.organization_id, request.limit + 1)
    return await _page(ctx, request, _HISTORY_OF, params, _about(params, request.subject, request.predicate, None))


def _about(params: Params, subject: str | None, predicate: str | None, value: str | None) -> list[str]:
    given = {"subject": subject, "predicate": predicate, "object": value}
    return [f"t.{name} = {params.add(one, 'text')}" for name, one in given.items() if one is not None]


async def _page(ctx: Context, request: PageRequest, listing: Listing, params: Params, rules: list[str]) -> Page[Fact]:
    columns = ", ".join(f"t.{name}" for name in listing.keys)
    place = listing.after(ctx.principal, request)
    if request.cursor is not None:
        rules.append(f"({columns}) > ({', '.join(params.add(value, _TYPES[type(value)]) for value in place)})")
    rules.append(visible_fact(ctx.principal, params))
    async with ctx.database.read_transaction(ctx.principal) as connection:
        rows = await facts.read(connection, params, " AND ".join(rules), order=columns)
    return listing.page(ctx.principal, request, rows, _fact)


def _fact(row: Any) -> Fact:
    return from_row(Fact, row)


@verb("memories:read")
async def reconstruct(ctx: Context, request: Reconstruct) -> Reconstructed:
    """Reconstruct a memory as it was at a moment, out of its log (seed 002 FR-6).

    Raises:
        NotFound: it was not recorded by then, or it is not this principal's to see.
    """
    async with ctx.database.read_transaction(ctx.principal) as connection:
        params = Params(ctx.principal.organization_id, request.memory_id)
        rule = visible(ctx.principal, "memory", params)
        # The log outlives the memory: the organisation's own process reads it even then.
        seen = ctx.principal.is_organization or await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM memories t WHERE t.organization_id = $1 AND t.id = $2 AND {rule})",  # noqa: S608
            *params.values,
        )
        row = None
        if seen:
            row = await connection.fetchrow(
                "SELECT * FROM reconstruct_memory_at($1, $2)", request.memory_id, request.at
            )
    if row is None:
        raise NotFound(
            f"There was no memory {request.memory_id} at that moment.",
            code="not_found.memory",
            id=str(request.memory_id),
        )
    return from_row(Reconstructed, row)
