-- Living entities at most $3 relationships away from one, in either direction, nearest and strongest first, each with the
-- strongest relationship that leads to it from one step nearer. $4: the one person whose entities are seen beside the
-- organisation's, null for everybody's. Indexes: uq_entity_relationships_target_entity_id,
-- ix_entity_relationships_target, pk_entities.
WITH RECURSIVE near AS (
  SELECT $2::uuid AS id, 0 AS depth
  UNION
  SELECT e.id, n.depth + 1
  FROM near n
  CROSS JOIN LATERAL (
    SELECT r.target_entity_id AS id FROM entity_relationships r
    WHERE r.organization_id = $1 AND r.source_entity_id = n.id AND r.deleted_at IS NULL
    UNION ALL
    SELECT r.source_entity_id FROM entity_relationships r
    WHERE r.organization_id = $1 AND r.target_entity_id = n.id AND r.deleted_at IS NULL
  ) step
  JOIN entities e ON e.organization_id = $1 AND e.id = step.id AND e.deleted_at IS NULL
    AND ($4::uuid IS NULL OR e.user_id IS NULL OR e.user_id = $4)
  WHERE n.depth < $3::int
), ring AS (
  SELECT id, min(depth) AS depth FROM near GROUP BY id
)
SELECT e.id AS entity_id, e.entity_type, e.name, g.depth, v.via_entity_id, v.relationship_type, v.strength, v.outgoing
FROM ring g
JOIN entities e ON e.organization_id = $1 AND e.id = g.id
CROSS JOIN LATERAL (
  SELECT x.* FROM (
    SELECT r.source_entity_id AS via_entity_id, r.relationship_type, r.strength, true AS outgoing
    FROM entity_relationships r
    WHERE r.organization_id = $1 AND r.target_entity_id = g.id AND r.deleted_at IS NULL
    UNION ALL
    SELECT r.target_entity_id, r.relationship_type, r.strength, false
    FROM entity_relationships r
    WHERE r.organization_id = $1 AND r.source_entity_id = g.id AND r.deleted_at IS NULL
  ) x
  JOIN ring b ON b.id = x.via_entity_id AND b.depth = g.depth - 1
  ORDER BY x.strength DESC, x.via_entity_id, x.relationship_type
  LIMIT 1
) v
WHERE g.depth > 0
ORDER BY g.depth, v.strength DESC, e.id
LIMIT $5
