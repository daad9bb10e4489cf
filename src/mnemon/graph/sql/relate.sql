-- A relationship, or its new strength and context if it is there. Index: uq_entity_relationships_target_entity_id.
INSERT INTO entity_relationships AS r (
  organization_id, source_entity_id, target_entity_id, relationship_type, strength, context
)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organization_id, source_entity_id, target_entity_id, relationship_type) WHERE deleted_at IS NULL
DO UPDATE SET strength = excluded.strength, context = coalesce(excluded.context, r.context)
RETURNING id, source_entity_id, target_entity_id, relationship_type, strength, context, version
