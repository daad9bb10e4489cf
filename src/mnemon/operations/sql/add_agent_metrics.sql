-- Writes measurements of agents, one array a column, and returns how many. An unknown agent is refused by its foreign
-- key. In the order of the index, so that its pages are visited one after the other. Index: ix_agent_metrics_agent.
WITH added AS (
  INSERT INTO agent_metrics (organization_id, agent_id, metric_type, value, "timestamp", metadata)
  SELECT $1, n.agent_id, n.metric_type, n.value, coalesce(n.at, now()), n.metadata::jsonb
  FROM unnest($2::uuid[], $3::text[], $4::float8[], $5::timestamptz[], $6::text[])
    AS n(agent_id, metric_type, value, at, metadata)
  ORDER BY n.agent_id, n.at
  RETURNING 1
)
SELECT count(*) FROM added
