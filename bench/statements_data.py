"""statements' rows: a thousand organisations of skewed size, a million rows in each of the busiest tables.

Busiest is what grows with every request and every day: sign-in sessions, items of knowledge, notifications, background
jobs and agents' metrics. The others have the share of it that such an installation would have. All is written by the
server itself, with no triggers and no foreign keys looked up, as in any bulk load.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any
from uuid import UUID

from bench.report import Report

#: Rows of a table for a million of the busiest ones.
BUSIEST = 1_000_000
ROWS = {
    "users": 100_000,
    "sessions": BUSIEST,
    "api_keys": 100_000,
    "oauth_tokens": 50_000,
    "mfa_devices": 50_000,
    "agents": 20_000,
    "knowledge_items": BUSIEST,
    "knowledge_transfers": 100_000,
    "knowledge_metrics": 300_000,
    "patterns": 100_000,
    "pattern_metrics": 300_000,
    "pattern_usage": 100_000,
    "learning_sessions": 100_000,
    "workflows": 50_000,
    "workflow_executions": 200_000,
    "notifications": BUSIEST,
    "background_jobs": BUSIEST,
    "agent_metrics": BUSIEST,
}
PIECES = 20_000
DAYS = 30
#: Agents of an organisation that are measured, and what is measured of each.
MEASURED_AGENTS = 20

#: ``{n}`` rows in an organisation ``o`` are ``i``; ``{id:kind:i}`` is the id of a row of a kind.
FILL = {
    "organizations": "INSERT INTO organizations (id, name, slug) SELECT o.id, o.slug, o.slug FROM bench_orgs o",
    "search_salts": "INSERT INTO search_salts (id) SELECT o.id FROM bench_orgs o",
    "users": """INSERT INTO users (id, organization_id, external_id, email, display_name)
        SELECT {id:user:i}, o.id, 'user-' || i, 'user-' || i || '@' || o.slug || '.example.org', 'User ' || i
        FROM {rows}""",
    "directory": """INSERT INTO directory (digest, id)
        SELECT directory_digest('email', lower(email)), id FROM users
        UNION ALL SELECT directory_digest('slug', o.slug), o.id FROM bench_orgs o""",
    "user_credentials": """INSERT INTO user_credentials (organization_id, user_id, password_hash)
        SELECT organization_id, id, '$2b$12$' || repeat('x', 53) FROM users WHERE email IS NOT NULL""",
    "teams": """INSERT INTO teams (id, organization_id, name, slug)
        SELECT {id:team:i}, o.id, 'Team ' || i, 'team-' || i FROM bench_orgs o, generate_series(0, 1) i""",
    "team_memberships": """INSERT INTO team_memberships (organization_id, user_id, team_id)
        SELECT o.id, {id:user:i}, {id:team:i % 2} FROM {rows:users}""",
    "roles": "SELECT count(make_system_roles(o.id)) FROM bench_orgs o",
    "user_roles": """INSERT INTO user_roles (organization_id, user_id, role_id)
        SELECT o.id, {id:user:i}, r.id FROM {rows:users}
        JOIN roles r ON r.organization_id = o.id
          AND r.name = CASE i % 10 WHEN 0 THEN 'owner' WHEN 1 THEN 'admin' ELSE 'member' END""",
    "sessions": """INSERT INTO sessions (id, organization_id, user_id, token_hash, refresh_token_hash, user_agent,
          expires_at, refresh_expires_at, created_at)
        SELECT {id:session:i}, o.id, {id:user:i % o.users}, sha256(convert_to('mna_' || o.n || '-' || i, 'UTF8')),
          sha256(convert_to('mnr_' || o.n || '-' || i, 'UTF8')), 'bench', now() + interval '1 day',
          now() + interval '30 days', now() - i % 86400 * interval '1 second' FROM {rows}""",
    "api_keys": """INSERT INTO api_keys (id, organization_id, user_id, name, prefix, key_hash, scopes)
        SELECT {id:key:i}, o.id, {id:user:i % o.users}, 'key ' || i, 'mnk_',
          sha256(convert_to('mnk_' || o.n || '-' || i, 'UTF8')), ARRAY['memories:read', 'memories:write']
        FROM {rows}""",
    "oauth_tokens": """INSERT INTO oauth_tokens (organization_id, user_id, provider, access_token_encrypted)
        SELECT o.id, {id:user:i}, 'github', 'v1.00000000.' || repeat('x', 80) FROM {rows} WHERE i < o.users""",
    "mfa_devices": """INSERT INTO mfa_devices (organization_id, user_id, name, secret_encrypted, confirmed_at)
        SELECT o.id, {id:user:i}, 'phone', 'v1.00000000.' || repeat('x', 60), now() FROM {rows} WHERE i < o.users""",
    "agents": """INSERT INTO agents (id, organization_id, external_id, name, slug, status, type, personality, metadata)
        SELECT {id:agent:i}, o.id, 'agent-' || i, 'Agent ' || i, 'agent-' || i, 'active', 'assistant',
          jsonb_build_object('tone', 'friendly'), jsonb_build_object('number', i) FROM {rows}""",
    "knowledge_items": """INSERT INTO knowledge_items (id, organization_id, domain, content, source_agent_id,
          confidence, tags, created_at)
        SELECT {id:item:i}, o.id, 'domain-' || i % 40,
          jsonb_build_object('title', a.piece, 'description', b.piece || ' ' || c.piece), {id:agent:i % o.agents},
          (i % 100) / 100.0, ARRAY['tag' || i % 20], now() - (i * 37 % 2592000) * interval '1 second'
        FROM {rows}
        JOIN bench_pieces a ON a.n = (o.n * 104729 + i) % {pieces}
        JOIN bench_pieces b ON b.n = (o.n * 15485863 + i * 7919) % {pieces}
        JOIN bench_pieces c ON c.n = (o.n * 31 + i * 6701) % {pieces}""",
    "knowledge_transfers": """INSERT INTO knowledge_transfers (organization_id, knowledge_id, source_agent_id,
          target_agent_id, transfer_method, success)
        SELECT o.id, {id:item:i}, {id:agent:i % o.agents}, {id:agent:(i + 1) % o.agents}, 'copy', i % 3 > 0
        FROM {rows}""",
    "knowledge_metrics": """INSERT INTO knowledge_metrics (organization_id, knowledge_id, agent_id, metric_type,
          timestamp)
        SELECT o.id, {id:item:i / 3}, {id:agent:i % o.agents}, (ARRAY['retrieved', 'used', 'transferred'])[1 + i % 3],
          now() - (i * 37 % 2592000) * interval '1 second' FROM {rows}""",
    "patterns": """INSERT INTO patterns (id, organization_id, type, name, pattern_data, accuracy, usage_count)
        SELECT {id:pattern:i}, o.id, (ARRAY['lateral', 'critical', 'systems', 'adaptive'])[1 + i % 4], 'pattern ' || i,
          jsonb_build_object('steps', i % 7, 'weights', jsonb_build_array(0.1, 0.2, 0.3), 'applies', 'always'),
          (i * 13 % 100) / 100.0, i * 7919 % 1000 FROM {rows}""",
    "pattern_metrics": """INSERT INTO pattern_metrics (organization_id, pattern_id, agent_id, execution_time_ms,
          success, created_at)
        SELECT o.id, {id:pattern:i / 3}, {id:agent:i % o.agents}, i % 500, i % 5 > 0,
          now() - (i * 37 % 2592000) * interval '1 second' FROM {rows}""",
    "pattern_usage": """INSERT INTO pattern_usage (organization_id, pattern_id, agent_id, success, is_counted,
          timestamp)
        SELECT o.id, {id:pattern:i}, {id:agent:i % o.agents}, i % 4 > 0, true,
          now() - (i * 37 % 2592000) * interval '1 second' FROM {rows}""",
    "learning_sessions": """INSERT INTO learning_sessions (id, organization_id, agent_id, source_domain, target_domain,
          session_metrics, improvement_score, started_at, completed_at)
        SELECT {id:learning:i}, o.id, {id:agent:i % o.agents}, 'domain-' || i % 40, 'domain-' || i % 37,
          jsonb_build_object('epochs', i % 9, 'loss', 0.25), (i % 100) / 100.0,
          now() - (i * 37 % 2592000) * interval '1 second', now() FROM {rows}""",
    "workflows": """INSERT INTO workflows (id, organization_id, name, steps, dependencies, status, created_at)
        SELECT {id:workflow:i}, o.id, 'workflow ' || i,
          '[{"name": "read"}, {"name": "think"}, {"name": "write"}]'::jsonb,
          '{"think": ["read"], "write": ["think"]}'::jsonb,
          CASE WHEN i % 3 = 0 THEN 'active' ELSE 'draft' END, now() - (i * 37 % 2592000) * interval '1 second'
        FROM {rows}""",
    "workflow_executions": """INSERT INTO workflow_executions (id, organization_id, workflow_id, agent_id, status,
          execution_data, started_at)
        SELECT {id:run:i}, o.id, {id:workflow:i / 4}, {id:agent:i % o.agents}, 'running', '{"input": {"n": 1}}'::jsonb,
          now() - (i * 37 % 2592000) * interval '1 second' FROM {rows}""",
    "notifications": """INSERT INTO notifications (organization_id, user_id, type, title, body, is_read, created_at)
        SELECT o.id, {id:user:i % o.users}, 'mention', 'Somebody named you', 'In message ' || i, i % 5 > 0,
          now() - (i * 37 % 2592000) * interval '1 second' FROM {rows}""",
    "background_jobs": """INSERT INTO background_jobs (id, organization_id, kind, status, attempt, result, created_at,
          finished_at)
        SELECT {id:job:i}, o.id, 'bench.work', 'succeeded', 1, '{"done": true}'::jsonb,
          now() - (i * 37 % 2592000) * interval '1 second', now() FROM {rows}""",
    "agent_metrics": """INSERT INTO agent_metrics (organization_id, agent_id, metric_type, value, timestamp)
        SELECT o.id, {id:agent:i % least(o.agents, {measured})}, (ARRAY['latency_ms', 'tokens', 'cost', 'errors'])[1 +
          i / 20 % 4], i % 1000, now() - (i * 37 % 2592000) * interval '1 second' FROM {rows}""",
    "metric_rollups": """INSERT INTO metric_rollups (organization_id, source, subject, metric_type, bucket_size,
          bucket_start, sample_count, total, total_of_squares, minimum, maximum)
        SELECT organization_id, 'agent', agent_id::text, metric_type, 'hour', date_trunc('hour', timestamp, 'UTC'),
          count(*), sum(value), sum(value * value), min(value), max(value)
        FROM agent_metrics GROUP BY organization_id, agent_id, metric_type, date_trunc('hour', timestamp, 'UTC')""",
}
#: Built once afterwards: row by row they cost more than the rows.
_LARGE_INDEXES = ("ix_knowledge_items_search", "ix_knowledge_items_content", "ix_knowledge_items_tags")


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation of the benchmark: the n-th has a share of 1/n."""

    n: int
    share: float
    total: int

    @property
    def id(self) -> UUID:
        """Its id."""
        return _uuid(f"organization-{self.n}")

    def rows(self, table: str) -> int:
        """How many rows of a table it has."""
        return max(1, int(self.total * ROWS[table] // BUSIEST * self.share))

    def key(self, kind: str, i: int) -> UUID:
        """The id of its i-th row of a kind."""
        return _uuid(f"{kind}-{self.n}-{i}")


def places(organizations: int, total: int) -> list[Place]:
    """All organisations, the largest first."""
    weight = sum(1 / n for n in range(1, organizations + 1))
    return [Place(n, 1 / n / weight, total) for n in range(1, organizations + 1)]


def _uuid(name: str) -> UUID:
    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())


def pieces(count: int, seed: int = 3) -> Iterator[str]:
    """Phrases of eight words out of five thousand: the n-th word is as frequent as 1/n."""
    chance = random.Random(seed)
    words = [_word(chance) for _ in range(5000)]
    weights = list(accumulate(1 / n for n in range(1, len(words) + 1)))
    for _ in range(count):
        yield " ".join(chance.choices(words, cum_weights=weights, k=8))


def _word(chance: random.Random) -> str:
    return "".join(chance.choice("bdfgklmnprstv") + chance.choice("aeiou") for _ in range(chance.randrange(2, 5)))


async def load(report: Report, admin: Any, many: list[Place]) -> None:
    """Write everything, and say how long each table took."""
    steps: dict[str, float] = {}
    report.numbers["load_seconds"] = steps
    sizes = ((one.n, one.id, f"bench-{one.n}", {table: one.rows(table) for table in ROWS}) for one in many)
    await prepare(admin, sizes)
    definitions = [await admin.fetchval("SELECT pg_get_indexdef($1::text::regclass)", name) for name in _LARGE_INDEXES]
    for name in _LARGE_INDEXES:
        await admin.execute(f"DROP INDEX {name}")
    for table in FILL:
        await timed(steps, table, admin, filled(table, FILL[table]))
    for name, definition in zip(_LARGE_INDEXES, definitions, strict=True):
        await timed(steps, name, admin, definition)
    await timed(steps, "summaries", admin, "SELECT refresh_knowledge_summaries(), refresh_dashboard()")
    await timed(steps, "VACUUM ANALYZE", admin, "VACUUM (ANALYZE)")
    await admin.execute("CHECKPOINT")
    await admin.execute("SET session_replication_role = origin")
    report.numbers["rows"] = {table: await admin.fetchval(f"SELECT count(*) FROM {table}") for table in FILL}


async def timed(steps: dict[str, float], name: str, admin: Any, statement: str) -> None:
    """Run a statement and note its seconds."""
    began = time.perf_counter()
    await admin.execute(statement)
    steps[name] = time.perf_counter() - began
    print(f"  {name}: {steps[name]:.1f} s", flush=True)


async def prepare(admin: Any, tenants: Iterable[tuple[int, UUID, str, dict[str, int]]]) -> None:
    """What the statements of :data:`FILL` read: (number, id, slug, rows by table) of each organisation, and phrases."""
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("SET maintenance_work_mem = '1GB'")
    await admin.execute("SET work_mem = '256MB'")
    await admin.execute("SET jit = off")
    await admin.execute(
        "CREATE TEMP TABLE bench_orgs (n bigint, id uuid, slug text, users bigint, agents bigint, sizes jsonb)"
    )
    await admin.executemany(
        "INSERT INTO bench_orgs SELECT $1, $2, $3, $4, $5, ($6::text)::jsonb",
        [
            (n, organization, slug, sizes["users"], sizes["agents"], json.dumps(sizes))
            for n, organization, slug, sizes in tenants
        ],
    )
    await admin.execute("CREATE TEMP TABLE bench_pieces (n bigint, piece text)")
    await admin.copy_records_to_table("bench_pieces", records=list(enumerate(pieces(PIECES))))
    await admin.execute("ANALYZE bench_orgs, bench_pieces")
    await admin.execute(
        "SELECT make_partition(table_name, every, now() - d * interval '1 day') "
        f"FROM partition_policies, generate_series(0, {DAYS}) d"
    )


def filled(table: str, text: str, *, measured: int = MEASURED_AGENTS) -> str:
    """The statement that fills a table, with its places filled."""
    text = text.replace("{pieces}", str(PIECES)).replace("{measured}", str(measured))
    rows = "bench_orgs o CROSS JOIN LATERAL generate_series(0, (o.sizes->>'{}')::bigint - 1) i"
    text = text.replace("{rows}", rows.format(table)).replace("{rows:users}", rows.format("users"))
    while "{id:" in text:
        before, _, rest = text.partition("{id:")
        inside, _, after = rest.partition("}")
        kind, _, number = inside.partition(":")
        text = f"{before}md5('{kind}-' || o.n || '-' || {number if number == 'i' else f'({number})'})::uuid{after}"
    return text
