"""The calls that the statements bench asks: a verb of the product each, with arguments that are there."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from bench.statements_data import Place
from mnemon.agents import service as agents
from mnemon.agents.schemas import AgentRef
from mnemon.app import App
from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.principal import Principal
from mnemon.identity import repository_access
from mnemon.identity import service as identity
from mnemon.identity.schemas import ListOfUser, UserRef
from mnemon.identity.schemas_access import OAuthTokenRef, OAuthTokenStore, PermissionCheck, Token, TotpCheck, TotpEnrol
from mnemon.jobs import service as jobs
from mnemon.knowledge import service as knowledge
from mnemon.knowledge.models import PatternType
from mnemon.knowledge.schemas import FindPatterns, LearningQuery, SearchKnowledge, SummaryQuery
from mnemon.operations import service as operations
from mnemon.workflow import service as workflow
from mnemon.workflow.models import WorkflowStatus
from mnemon.workflow.schemas import WorkflowQuery
from mnemon.workspace import service as workspace
from mnemon.workspace.schemas import Notifications

Call = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asks in one organisation."""

    app: App
    ctx: Context
    place: Place
    chance: random.Random
    admin: Any

    def key(self, kind: str, table: str, upto: int | None = None) -> UUID:
        """The id of some row of the organisation."""
        return self.place.key(kind, self.number(table, upto))

    def number(self, table: str, upto: int | None = None) -> int:
        """Which row of a table of the organisation."""
        return self.chance.randrange(min(self.place.rows(table), upto or BIG))


BIG = 1 << 40


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that the seeds set a limit to.

    Attributes:
        name: in the table.
        requirement: whose limit it is.
        limit_ms: the limit.
        bound: the ratio to bare asyncpg that is not to be exceeded.
        calls: makes that many calls of the verb, each with a key of its own.
    """

    name: str
    requirement: str
    limit_ms: float
    bound: float
    calls: Callable[[Asker, int], Awaitable[list[Call]]]


def _each(make: Callable[[Asker], Call]) -> Callable[[Asker, int], Awaitable[list[Call]]]:
    async def calls(asker: Asker, count: int) -> list[Call]:
        return [make(asker) for _ in range(count)]

    return calls


def _user_by_email(asker: Asker) -> Call:
    email = f"User-{asker.number('users')}@bench-{asker.place.n}.example.org"

    async def call() -> Any:
        proof = asker.app.database.prove(f"user_by_email:{email}")
        async with asker.app.database.untenanted() as connection:
            found = await repository_access.find_user_by_email(connection, email, proof, "192.0.2.7")
        assert found is not None
        return found

    return call


def _session(asker: Asker) -> Call:
    token = f"mna_{asker.place.n}-{asker.number('sessions')}"
    return lambda: identity.find_session(asker.ctx, Token(token=SecretStr(token)))


async def _api_keys(asker: Asker, count: int) -> list[Call]:
    calls: list[Call] = []
    for _ in range(count):
        key = f"mnk_{asker.place.n}-{asker.number('api_keys')}"
        calls.append(lambda key=key: identity.authenticate_api_key(asker.ctx, Token(token=SecretStr(key))))  # type: ignore[misc]
    for call in calls:  # the use is written with the first request of a minute
        await call()
    return calls


def _user(asker: Asker) -> Call:
    user = asker.key("user", "users")
    return lambda: identity.get_user(asker.ctx, UserRef(user_id=user))


def _roles(asker: Asker) -> Call:
    user = asker.key("user", "users")
    return lambda: identity.roles_of(asker.ctx, ListOfUser(user_id=user))


def _permission(asker: Asker) -> Call:
    """What a viewer may do, asked of owners and members: owners have it through three parents."""
    user = asker.key("user", "users")

    async def call() -> bool:
        found = await identity.has_permission(asker.ctx, PermissionCheck(user_id=user, permission="memories:read"))
        assert found
        return found

    return call


def _permissions(asker: Asker) -> Call:
    user = asker.key("user", "users")
    return lambda: identity.permissions_of(asker.ctx, user)


async def _oauth(asker: Asker, count: int) -> list[Call]:
    people = await _people(asker, count)
    for user in people:
        token = OAuthTokenStore(user_id=user, provider="github", access_token=SecretStr("gho_" + "x" * 36))
        await identity.store_oauth_token(asker.ctx, token)
    return [
        lambda user=user: identity.read_oauth_token(asker.ctx, OAuthTokenRef(user_id=user, provider="github"))  # type: ignore[misc]
        for user in people
    ]


class _Moving:
    """A clock by which each call comes in a time step of its own: no code is accepted twice."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        """A moment, always the same until it is moved."""
        return self.at


async def _second_factor(asker: Asker, count: int) -> list[Call]:
    clock = _Moving()
    ctx = replace(asker.ctx, clock=clock)

    def call(user: UUID, secret: str) -> Call:
        async def verify() -> Any:
            clock.at += timedelta(minutes=2)
            code = crypto.totp(secret, crypto.totp_step(clock.at))
            return await identity.verify_totp(ctx, TotpCheck(user_id=user, code=code))

        return verify

    calls = []
    for user in await _people(asker, count):
        await asker.admin.execute("DELETE FROM mfa_devices WHERE user_id = $1", user)
        enrolled = await identity.enrol_totp(ctx, TotpEnrol(user_id=user))
        calls.append(call(user, enrolled.secret.get_secret_value()))
        await calls[-1]()
    return calls


async def _people(asker: Asker, count: int) -> list[UUID]:
    """Some people, each once; they are all there are where they are fewer."""
    there = asker.place.rows("users")
    return [asker.place.key("user", n) for n in asker.chance.sample(range(there), min(count, there))]


def _agent(asker: Asker) -> Call:
    agent = asker.key("agent", "agents")
    return lambda: agents.get_agent(asker.ctx, AgentRef(agent_id=agent))


def _pattern(asker: Asker) -> Call:
    pattern = asker.key("pattern", "patterns")
    return lambda: knowledge.get_pattern(asker.ctx, pattern)


def _patterns(asker: Asker) -> Call:
    kind = asker.chance.choice([PatternType.LATERAL, PatternType.CRITICAL, PatternType.ADAPTIVE])
    return lambda: knowledge.find_patterns(asker.ctx, FindPatterns(type=kind, min_accuracy=0.5, limit=20))


def _workflow(asker: Asker) -> Call:
    one = asker.key("workflow", "workflows")
    return lambda: workflow.get_workflow(asker.ctx, one)


def _workflows(asker: Asker) -> Call:
    return lambda: workflow.list_workflows(asker.ctx, WorkflowQuery(status=WorkflowStatus.ACTIVE, limit=20))


def _learning(asker: Asker) -> Call:
    one = asker.key("learning", "learning_sessions")
    return lambda: knowledge.get_learning_session(asker.ctx, one)


def _learnings(asker: Asker) -> Call:
    agent = asker.key("agent", "agents")
    return lambda: knowledge.learning_sessions(asker.ctx, LearningQuery(agent_id=agent, limit=20))


async def _full_text(asker: Asker, count: int) -> list[Call]:
    """Two words of an item's own, so that there is something to find."""
    ids = [asker.key("item", "knowledge_items") for _ in range(count)]
    rows = await asker.admin.fetch(
        "SELECT content ->> 'title' AS title FROM knowledge_items WHERE organization_id = $1 AND id = ANY($2)",
        asker.place.id,
        ids,
    )
    titles = [row["title"] for row in rows]
    calls: list[Call] = []
    for n in range(count):
        query = " ".join(asker.chance.sample(titles[n % len(titles)].split(), 2))
        calls.append(lambda query=query: knowledge.search_knowledge(asker.ctx, SearchKnowledge(query=query, limit=20)))  # type: ignore[misc]
    return calls


def _job(asker: Asker) -> Call:
    job = asker.key("job", "background_jobs")
    return lambda: jobs.get_job(asker.ctx, job)


def _inbox(asker: Asker) -> Call:
    user = asker.key("user", "users")
    ctx = asker.ctx.as_principal(Principal(asker.place.id, user))
    return lambda: workspace.list_notifications(ctx, Notifications(limit=20))


def _dashboard(asker: Asker) -> Call:
    return lambda: operations.dashboard(asker.ctx)


def _pattern_summary(asker: Asker) -> Call:
    return lambda: knowledge.pattern_summaries(asker.ctx, SummaryQuery(limit=100))


def _knowledge_summary(asker: Asker) -> Call:
    return lambda: knowledge.knowledge_summaries(asker.ctx, SummaryQuery(limit=100))


STATEMENTS = (
    Statement("user by e-mail", "REQ-T121", 10, 2, _each(_user_by_email)),
    Statement("session by its token, with what its person may do", "REQ-T123", 5, 2, _each(_session)),
    Statement("API key by its hash, with what it may do", "REQ-T124", 10, 2, _api_keys),
    Statement("permission check through inheritance", "REQ-T126", 5, 2, _each(_permission)),
    Statement("agent by id", "REQ-T111", 50, 2, _each(_agent)),
    Statement("roles of a person", "REQ-T125", 5, 6, _each(_roles)),
    Statement("every permission of a person", "REQ-T128", 10, 6, _each(_permissions)),
    Statement("user by id", "000-AC-4", 10, 6, _each(_user)),
    Statement("OAuth token, decrypted", "REQ-T129", 10, 6, _oauth),
    Statement("second factor, verified and written", "REQ-T130", 50, 6, _second_factor),
    Statement("pattern by id", "REQ-T116", 100, 6, _each(_pattern)),
    Statement("patterns by type and accuracy, 20", "REQ-T116", 100, 6, _each(_patterns)),
    Statement("workflow by id", "REQ-T118", 50, 6, _each(_workflow)),
    Statement("workflows by status, 20", "REQ-T118", 50, 6, _each(_workflows)),
    Statement("learning session by id", "REQ-T120", 100, 6, _each(_learning)),
    Statement("learning sessions of an agent, 20", "REQ-T120", 100, 6, _each(_learnings)),
    Statement("knowledge by full text, 20", "REQ-T114", 200, 6, _full_text),
    Statement("status of a job", "REQ-T139", 50, 6, _each(_job)),
    Statement("inbox of a person, 20", "REQ-T140", 100, 6, _each(_inbox)),
    Statement("dashboard of metrics", "REQ-T134", 1000, 6, _each(_dashboard)),
    Statement("dashboard of patterns, 100", "REQ-T149", 100, 6, _each(_pattern_summary)),
    Statement("dashboard of knowledge, 100", "REQ-T149", 100, 6, _each(_knowledge_summary)),
)
