-- Mentions that are not there yet, counted on their entities; returns how many were new, one row an entity.
-- Index: uq_entity_mentions_source_id.
WITH added AS (
  INSERT INTO entity_mentions (organization_id, entity_id, source_type, source_id, context, position, created_at)
  SELECT $1, n.entity_id, n.source_type, n.source_id, n.context, n.position, $7
  FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::int[])
    AS n(entity_id, source_type, source_id, context, position)
  ON CONFLICT (organization_id, entity_id, source_type, source_id, position) DO NOTHING
  RETURNING entity_id
), counted AS (
  SELECT entity_id, count(*)::int AS times FROM added GROUP BY entity_id
)
UPDATE entities e
SET mention_count = e.mention_count + c.times, last_seen_at = greatest(e.last_seen_at, $7),
    first_seen_at = least(e.first_seen_at, $7)
FROM counted c
WHERE e.organization_id = $1 AND e.id = c.entity_id
RETURNING c.times
