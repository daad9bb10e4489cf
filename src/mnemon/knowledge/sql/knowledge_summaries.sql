-- How much items were used over all time, as of the last refresh, most used first.
-- Index (inside the function): ix_knowledge_usage_totals_used.
SELECT s.knowledge_id, s.domain, s.title, s.retrieved, s.used, s.rating, s.agents, s.transfers, s.arrived,
  s.last_used_at
FROM top_knowledge($1, $2) s
