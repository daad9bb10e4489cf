"""statements: what the seeds set a limit to, through the product's verbs, beside the same by bare asyncpg."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from bench.measure import Timing, number
from bench.replay import Pair, beside, listening, record
from bench.report import Report
from bench.server import Server, server
from bench.statements_data import ROWS, Place, load, places
from mnemon.agents import service as agents
from mnemon.agents.schemas import AgentRef
from mnemon.app import App
from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.principal import Principal
from mnemon.identity import repository_access
from mnemon.identity import service as identity
from mnemon.identity.schemas import UserRef
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

#: Questions asked of each organisation, and how often each.
QUESTIONS, ROUNDS = 60, 10
_OPTIONS = {"max_wal_size": "8GB"}

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
    return lambda: identity.roles_of(asker.ctx, UserRef(user_id=user))


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


@dataclass(slots=True)
class Measured:
    """One statement in the large and in the small organisation."""

    statement: Statement
    sent: int = 0
    pairs: list[Pair] = field(default_factory=list)

    @property
    def worst(self) -> float:
        """The larger of the two ratios."""
        return max(pair.ratio for pair in self.pairs)

    @property
    def headroom(self) -> float:
        """How often the slower median fits into the limit."""
        return self.statement.limit_ms / max(Timing.of(pair.product).median for pair in self.pairs)

    def as_numbers(self) -> dict[str, Any]:
        """For the JSON."""
        one = self.statement
        return {
            "name": one.name,
            "requirement": one.requirement,
            "limit_ms": one.limit_ms,
            "bound": one.bound,
            "statements_sent": self.sent,
            "large": self.pairs[0].as_numbers(),
            "small": self.pairs[1].as_numbers(),
            "limit_over_median": self.headroom,
        }


async def run(
    report: Report,
    *,
    organizations: int = 1000,
    rows: int = 1_000_000,
    work: Path | None = None,
    keep: Path | None = None,
) -> None:
    """Load, then every statement in the largest and in the smallest organisation.

    Args:
        report: takes the results.
        organizations: how many; the n-th has a share of 1/n.
        rows: in each of the busiest tables.
        work: where the server's directory is made; a million rows need 6 GB there.
        keep: a directory for the server that is not removed: the next run finds its rows loaded.
    """
    many = places(organizations, rows)
    async with server(report, work=work, options=_OPTIONS, keep=keep) as place:
        admin = await place.admin()
        await _load_once(report, admin, many, keep)
        await _say(report, admin, many)
        found = await _measure(place, admin, many)
        await admin.close()
    report.numbers["statements"] = [one.as_numbers() for one in found]
    _table(report, many, found)


async def _load_once(report: Report, admin: Any, many: Sequence[Place], keep: Path | None) -> None:
    mark = keep / "statements.json" if keep else None
    wanted = [len(many), many[0].total]
    if mark is not None and mark.is_file():
        before = json.loads(mark.read_text(encoding="utf-8"))
        if before["loaded"] != wanted:
            raise SystemExit(f"{keep} holds other rows: {before['loaded']}")
        report.numbers |= before["numbers"]
        return
    await load(report, admin, list(many))
    if mark is not None:
        numbers = {name: report.numbers[name] for name in ("load_seconds", "rows")}
        mark.write_text(json.dumps({"loaded": wanted, "numbers": numbers}), encoding="utf-8")


async def _say(report: Report, admin: Any, many: Sequence[Place]) -> None:
    size = await admin.fetchval("SELECT pg_database_size(current_database())") / 1024**3
    report.numbers["database_gb"] = size
    rows = report.numbers["rows"]
    busiest = [table for table in ROWS if ROWS[table] == max(ROWS.values())]
    report.say(
        f"{sum(rows.values()):,} rows of {len(many):,} organisations ({', '.join(busiest)}: about "
        f"{rows[busiest[0]]:,} each; {size:.1f} GB) loaded in {sum(report.numbers['load_seconds'].values()):.0f} s."
    )


async def _measure(place: Server, admin: Any, many: Sequence[Place]) -> list[Measured]:
    found: list[Measured] = []
    bare = await place.bare()
    async with place.memory(
        auto_maintenance=False, organization="bench-1", secret_key=SecretStr(crypto.new_secret_key())
    ) as memory:
        app = memory._app  # noqa: SLF001 - what a door holds
        assert app is not None
        for statement in STATEMENTS:
            measured = Measured(statement)
            for one in (many[0], many[-1]):
                ctx = await app.organization(f"bench-{one.n}")
                asker = Asker(app, ctx, one, random.Random(one.n), admin)
                calls = await statement.calls(asker, QUESTIONS)
                with listening(app):
                    sent = [(await record(call))[1] for call in calls]
                measured.sent = max(len(each) for each in sent)
                measured.pairs.append(await beside(calls, sent, bare, rounds=_rounds(len(calls))))
            found.append(measured)
            ratios = ", ".join(f"{pair.ratio:.2f}" for pair in measured.pairs)
            print(f"  {statement.name}: {Timing.of(measured.pairs[0].product)} ms, {ratios}", flush=True)
    await bare.close()
    return found


def _rounds(calls: int) -> int:
    """As many timings where there are few people to ask about."""
    return max(ROUNDS, ROUNDS * QUESTIONS // calls)


def _table(report: Report, many: Sequence[Place], found: Sequence[Measured]) -> None:
    report.table(
        f"Milliseconds, median / p95 through the product's verb, and the ratio of its median to that of the same "
        f"statements by bare asyncpg (same transactions, from BEGIN to COMMIT, same role, same settings, by turns), in "
        f"the largest organisation ({many[0].share:.0%} of all rows) and in the smallest ({many[-1].share:.3%}); how "
        f"often the slower median fits into the seed's limit:",
        ("statement", "sent", "largest", "ratio", "smallest", "ratio", "target", "seed's limit", "reached"),
        [
            (
                one.statement.name,
                str(one.sent),
                *(text for pair in one.pairs for text in (str(Timing.of(pair.product)), f"{pair.ratio:.2f}")),
                f"at most {one.statement.bound:g}",
                f"{number(one.statement.limit_ms, 0)} ms ({one.statement.requirement})",
                f"{one.headroom:.0f} times over",
            )
            for one in found
        ],
    )
