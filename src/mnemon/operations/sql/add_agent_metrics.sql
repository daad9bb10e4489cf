-- Writes measurements of agents, one array a column; the array of metadata may be null. Its trigger refuses unknown
-- agents, once for all rows (index: pk_agents).
INSERT INTO agent_metrics (organization_id, id, agent_id, metric_type, value, "timestamp", metadata)
SELECT $1, n.id, n.agent_id, n.metric_type, n.value, coalesce(n.at, now()), coalesce(n.metadata::jsonb, '{}')
FROM unnest($2::uuid[], $3::text[], $4::float8[], $5::timestamptz[], $6::text[], $7::uuid[])
  AS n(agent_id, metric_type, value, at, metadata, id)
