-- Moves the relationships of an entity that ends ($2) to the one that stays ($3). Of two that become the same the
-- stronger strength stays; one between the two ends with the entity. Indexes: uq_entity_relationships_target_entity_id,
-- ix_entity_relationships_target.
WITH moving AS (
  SELECT r.id, r.relationship_type, r.strength,
    CASE WHEN r.source_entity_id = $2 THEN $3 ELSE r.source_entity_id END AS source_id,
    CASE WHEN r.target_entity_id = $2 THEN $3 ELSE r.target_entity_id END AS target_id
  FROM entity_relationships r
  WHERE r.organization_id = $1 AND r.deleted_at IS NULL AND (r.source_entity_id = $2 OR r.target_entity_id = $2)
), judged AS (
  SELECT m.*, s.id AS same_id
  FROM moving m
  LEFT JOIN entity_relationships s ON s.organization_id = $1 AND s.source_entity_id = m.source_id
    AND s.target_entity_id = m.target_id AND s.relationship_type = m.relationship_type AND s.deleted_at IS NULL
), strengthened AS (
  UPDATE entity_relationships r SET strength = greatest(r.strength, j.strength)
  FROM judged j WHERE r.organization_id = $1 AND r.id = j.same_id
  RETURNING r.id
), ended AS (
  UPDATE entity_relationships r SET deleted_at = now()
  FROM judged j WHERE r.organization_id = $1 AND r.id = j.id AND (j.same_id IS NOT NULL OR j.source_id = j.target_id)
  RETURNING r.id
), moved AS (
  UPDATE entity_relationships r SET source_entity_id = j.source_id, target_entity_id = j.target_id
  FROM judged j WHERE r.organization_id = $1 AND r.id = j.id AND j.same_id IS NULL AND j.source_id <> j.target_id
  RETURNING r.id
)
SELECT (SELECT count(*) FROM moved) AS moved, (SELECT count(*) FROM ended) AS ended,
  (SELECT count(*) FROM strengthened) AS strengthened
