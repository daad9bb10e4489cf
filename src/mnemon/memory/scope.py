"""From a scope to a predicate: names to ids, conditions to SQL, for every table that recall reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import NotFound
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.recallable import RecallTable
from mnemon.identity import service as identity
from mnemon.memory import names
from mnemon.memory.columns import CONDITIONS, TABLES
from mnemon.memory.schemas import Scope
from mnemon.memory.visibility import visible

#: What a memory's status is while it is to be found; that it was superseded is read from its own times.
_HELD = "{status} IN ('active', 'disputed', 'superseded')"
#: A memory's status at the moment ``{at}``: what it was before the first change after it. A row that no change has
#: touched since then is not looked up. Index: ix_memory_log_memory.
_STATUS_THEN = (
    "CASE WHEN t.updated_at <= {at} THEN t.status::text ELSE coalesce((SELECT l.old_status FROM memory_log l "
    "WHERE l.organization_id = $1 AND l.memory_id = t.id AND l.created_at > {at} AND l.old_status IS NOT NULL "
    "ORDER BY l.created_at LIMIT 1), t.status::text) END"
)


@dataclass(frozen=True, slots=True)
class Said:
    """Who is meant by the name of a speaker: whoever is called so, and the users and the agent of that name."""

    name: str
    user_ids: tuple[UUID, ...]
    agent_id: UUID | None

    def rule(self, params: Params) -> str:
        """Return the predicate (alias ``t``) over messages. Indexes: ix_messages_speaker, _sender, _agent."""
        rules = [f"t.speaker = {params.add(self.name, 'text')}"]
        if self.user_ids:
            rules.append(f"t.sender_id = ANY({params.add(list(self.user_ids), 'uuid[]')})")
        if self.agent_id is not None:
            agent = params.add(self.agent_id, "uuid")
            rules.append(f"(t.agent_id = {agent} AND t.role = 'assistant' AND t.speaker IS NULL)")
        return f"({' OR '.join(rules)})"


@dataclass(frozen=True, slots=True)
class ResolvedScope:
    """A scope whose names have become ids, and who looks.

    Attributes:
        nobody: a name in the scope stands for nobody yet: nothing can match.
        without: texts in parts of which enough was seen, by the ids of their first parts.
    """

    scope: Scope
    principal: Principal
    user_id: UUID | None = None
    agent_id: UUID | None = None
    conversation_id: UUID | None = None
    team_id: UUID | None = None
    said: Said | None = None
    nobody: bool = False
    without: tuple[UUID, ...] = ()

    @property
    def selective(self) -> bool:
        """Whether something narrows the rows within the organisation."""
        return bool(
            self.user_id
            or self.agent_id
            or self.conversation_id
            or self.team_id
            or self.has_conditions
            or not self.principal.is_organization
        )

    @property
    def has_conditions(self) -> bool:
        """Whether rows are left out by what they say or when: by more than whose they are, and where."""
        s = self.scope
        return bool(self.said or s.since or s.until or any(condition.value(s) is not None for condition in CONDITIONS))

    @property
    def _own(self) -> bool:
        """Whether the scope holds the principal's own rows only; what is said of them is said by its conditions."""
        if self.principal.user_id is not None:
            return self.user_id == self.principal.user_id
        return self.principal.agent_id is not None and self.agent_id == self.principal.agent_id

    def tables(self) -> list[RecallTable]:
        """Return the tables that can hold a match."""
        return [
            table
            for table in TABLES
            if table.kind in self.scope.kinds
            and (self.said is None or table.kind == "message")
            and all(one.can_hold(table, self.scope) for one in CONDITIONS)
        ]

    def predicate(self, table: RecallTable, params: Params, *, past: bool = False, whole: bool = False) -> str:
        """Return the predicate (alias ``t``) over this table's rows.

        Args:
            table: which.
            params: takes the values; its first is the organisation.
            past: keep what was corrected or forgotten.
            whole: the statement looks at all rows of the scope, not at a few by number or in order.
        """
        seen = visible(self.principal, table.kind, params, own=self._own, whole=whole)
        rules = [*self._about(table, params), *self._when(params), seen]
        rules += self._known(table, params) if self.scope.as_of or not past else []
        rules += self._valid(table, params)
        if self.without:
            texts = params.add(list(self.without), "uuid[]")
            rules.append(f"(t.whole_id IS NULL OR t.whole_id <> ALL({texts}))")
        return " AND ".join(rule for rule in rules if rule != "true") or "true"

    def _known(self, table: RecallTable, params: Params) -> list[str]:
        """Return the axis of what was known: by as_of if that is given, else by now."""
        memory = table.kind == "memory"
        if self.scope.as_of is None:
            rules = ["t.deleted_at IS NULL"]
            if memory and self.scope.valid_at is None:
                rules += ["t.superseded_at IS NULL", table.alive]
            elif memory:
                rules += ["(t.expires_at IS NULL OR t.expires_at > now())", _HELD.format(status="t.status")]
            return rules
        at = params.add(self.scope.as_of, "timestamptz")
        rules = [f"t.created_at <= {at}", f"(t.deleted_at IS NULL OR t.deleted_at > {at})"]
        if memory:
            rules.append(f"(t.expires_at IS NULL OR t.expires_at > {at})")
            rules.append(_HELD.format(status=_STATUS_THEN.replace("{at}", at)))
        if memory and self.scope.valid_at is None:
            rules.append(f"(t.superseded_at IS NULL OR t.superseded_at > {at})")
        return rules

    def _valid(self, table: RecallTable, params: Params) -> list[str]:
        """Return the axis of what was true: begun by valid_at and not over, as far as as_of knew of an end."""
        if self.scope.valid_at is None:
            return []
        moment = params.add(self.scope.valid_at, "timestamptz")
        rules = [f"t.occurred_at <= {moment}"]
        if table.kind == "memory":
            rules.append(f"(t.valid_until IS NULL OR t.valid_until > {moment})")
            lasting = f"t.superseded_from IS NULL OR t.superseded_from > {moment}"
            if self.scope.as_of is not None:
                lasting += f" OR t.superseded_at > {params.add(self.scope.as_of, 'timestamptz')}"
            rules.append(f"({lasting})")
        return rules

    def _about(self, table: RecallTable, params: Params) -> list[str]:
        rules = []
        if self.user_id is not None:
            rules.append(table.owner.replace("{user}", params.add(self.user_id, "uuid")))
        for column in ("agent_id", "conversation_id", "team_id"):
            value = getattr(self, column)
            if value is not None:
                rules.append(f"t.{column} = {params.add(value, 'uuid')}")
        if self.said is not None:
            rules.append(self.said.rule(params))
        return rules + [condition.rule(table, self.scope, params) for condition in CONDITIONS]

    def _when(self, params: Params) -> list[str]:
        rules = []
        if self.scope.since is not None:
            rules.append(f"t.occurred_at >= {params.add(self.scope.since, 'timestamptz')}")
        if self.scope.until is not None:
            rules.append(f"t.occurred_at < {params.add(self.scope.until, 'timestamptz')}")
        return rules


async def resolve(ctx: Context, connection: Connection, scope: Scope) -> ResolvedScope:
    """Return names to ids; whoever is named acts: what is private to others is not seen.

    An organisation's own process that names a user or an agent looks through their eyes.
    """
    principal = ctx.principal
    resolved = ResolvedScope(scope, principal)
    for kind in ("user", "agent", "conversation"):
        name = getattr(scope, kind)
        if name is not None:
            named_id = await names.find(ctx, connection, kind, name)
            missing = resolved.nobody or named_id is None
            if kind == "user":
                resolved = replace(resolved, user_id=named_id, nobody=missing)
            elif kind == "agent":
                resolved = replace(resolved, agent_id=named_id, nobody=missing)
            else:
                resolved = replace(resolved, conversation_id=named_id, nobody=missing)
    if scope.said_by is not None:
        speaking = await identity.find_speaking(connection, principal.organization_id, scope.said_by)
        agent_id = await names.find(ctx, connection, "agent", scope.said_by)
        resolved = replace(resolved, said=Said(scope.said_by, tuple(speaking), agent_id))
    if scope.team is not None:
        resolved = await _team(connection, resolved, scope.team)
    if principal.is_organization and (resolved.user_id or resolved.agent_id):
        teams = frozenset[UUID]()
        if resolved.user_id is not None:
            teams = await _teams(ctx, connection, resolved.user_id)
        eyes = replace(principal, user_id=resolved.user_id, agent_id=resolved.agent_id, team_ids=teams)
        resolved = replace(resolved, principal=eyes)
    return resolved


async def _teams(ctx: Context, connection: Connection, user_id: UUID) -> frozenset[UUID]:
    """Return the teams of a person; read each time: who leaves a team no longer sees what it shares."""
    return await identity.teams_of(connection, ctx.principal.organization_id, user_id)


async def _team(connection: Connection, found: ResolvedScope, slug: str) -> ResolvedScope:
    try:
        team = await identity.find_team(connection, found.principal.organization_id, slug)
    except NotFound:
        return replace(found, nobody=True)
    return replace(found, team_id=team)
