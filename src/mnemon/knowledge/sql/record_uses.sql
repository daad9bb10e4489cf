-- Writes what happened to items, one array a column; returns the ids.
INSERT INTO knowledge_metrics (organization_id, knowledge_id, agent_id, metric_type, value, metadata, timestamp)
SELECT $1, n.knowledge_id, n.agent_id, n.event, n.value, n.metadata::jsonb, coalesce(n.at, now())
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::numeric[], $6::text[], $7::timestamptz[])
  AS n(knowledge_id, agent_id, event, value, metadata, at)
RETURNING id
