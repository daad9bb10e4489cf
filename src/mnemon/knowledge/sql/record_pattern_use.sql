-- Notes one use of a pattern: (id, is_counted), nothing if there is no such pattern alive. Index: pk_patterns.
-- Nobody waits for a popular pattern's row: who finds it free counts the use at once; who finds it held leaves the use
-- uncounted, for count_pattern_usage(). usage_count and the uncounted uses together are exact at any time.
WITH held AS MATERIALIZED (
  SELECT p.id FROM patterns p
  WHERE p.organization_id = $1 AND p.id = $2 AND p.deleted_at IS NULL
  FOR NO KEY UPDATE SKIP LOCKED
), counted AS (
  UPDATE patterns p SET usage_count = p.usage_count + 1 FROM held
  WHERE p.organization_id = $1 AND p.id = held.id
  RETURNING p.id
)
INSERT INTO pattern_usage (organization_id, pattern_id, agent_id, success, context, timestamp, is_counted)
SELECT $1, p.id, $3, $4, $5::jsonb, coalesce($6, now()), EXISTS (SELECT FROM counted)
FROM patterns p
WHERE p.organization_id = $1 AND p.id = $2 AND p.deleted_at IS NULL
RETURNING id, is_counted
