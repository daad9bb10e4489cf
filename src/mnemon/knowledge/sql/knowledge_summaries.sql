-- How much items were used over all time, as of the last refresh, most used first.
-- Index: ix_knowledge_usage_totals_used.
SELECT s.knowledge_id, s.domain, s.title, s.retrieved, s.used, s.rating, s.agents, s.transfers, s.arrived,
  s.last_used_at
FROM knowledge_usage s
WHERE s.organization_id = $1
ORDER BY s.used DESC, s.knowledge_id
LIMIT $2
