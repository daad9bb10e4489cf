-- Moves the mentions of an entity that ends ($2) to the one that stays ($3); a place that both are mentioned in is kept
-- once. Returns how many were doubles. Index: uq_entity_mentions_source_id.
WITH doubles AS (
  DELETE FROM entity_mentions m
  USING entity_mentions k
  WHERE m.organization_id = $1 AND m.entity_id = $2 AND k.organization_id = $1 AND k.entity_id = $3
    AND k.source_type = m.source_type AND k.source_id = m.source_id AND k.position IS NOT DISTINCT FROM m.position
  RETURNING m.id
), moved AS (
  UPDATE entity_mentions m SET entity_id = $3
  WHERE m.organization_id = $1 AND m.entity_id = $2
    AND NOT EXISTS (
      SELECT FROM entity_mentions k
      WHERE k.organization_id = $1 AND k.entity_id = $3 AND k.source_type = m.source_type
        AND k.source_id = m.source_id AND k.position IS NOT DISTINCT FROM m.position)
  RETURNING m.id
)
SELECT (SELECT count(*) FROM doubles) AS doubles, (SELECT count(*) FROM moved) AS moved
