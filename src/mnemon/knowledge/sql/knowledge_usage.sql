-- What happened to items from $2 up to $3, by day, week or month (UTC) and by event, oldest first. Only the partitions
-- of the window are read. Index: ix_knowledge_metrics_item for an item, else ix_knowledge_metrics_time.
SELECT date_trunc($4::text, m.timestamp, 'UTC') AS start, m.metric_type AS event, count(*) AS count,
  sum(m.value)::float8 AS total, count(DISTINCT m.knowledge_id) AS items
FROM knowledge_metrics m
WHERE m.organization_id = $1 AND m.timestamp >= $2 AND m.timestamp < $3
  AND ($5::uuid IS NULL OR m.knowledge_id = $5)
  AND ($6::text IS NULL OR EXISTS (
    SELECT FROM knowledge_items k
    WHERE k.organization_id = $1 AND k.id = m.knowledge_id AND k.domain = $6
  ))
GROUP BY 1, 2
ORDER BY 1, 2
