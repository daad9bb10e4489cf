-- Makes an entity unless a living one of this person, type and name is there. Index: uq_entities_name.
INSERT INTO entities (
  organization_id, id, user_id, entity_type, name, aliases, description, metadata, mention_count, first_seen_at,
  last_seen_at
)
VALUES ($1, $2, $3, $4, $5, $6::text[], $7, $8::text::jsonb, 0, $9, $9)
ON CONFLICT (organization_id, user_id, entity_type, name_key) WHERE deleted_at IS NULL DO NOTHING
RETURNING id
