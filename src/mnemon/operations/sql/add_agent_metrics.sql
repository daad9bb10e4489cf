-- Writes measurements of agents, one array a column, and returns how many. An unknown agent is refused by its foreign
-- key (index: pk_agents).
WITH added AS (
  INSERT INTO agent_metrics (organization_id, id, agent_id, metric_type, value, "timestamp", metadata)
  SELECT $1, n.id, n.agent_id, n.metric_type, n.value, coalesce(n.at, now()), n.metadata::jsonb
  FROM unnest($2::uuid[], $3::text[], $4::float8[], $5::timestamptz[], $6::text[], $7::uuid[])
    AS n(agent_id, metric_type, value, at, metadata, id)
  RETURNING 1
)
SELECT count(*) FROM added
