-- Makes people by the caller's own strings and returns all of them: (external_id, id).
-- Index: uq_users_organization_id_external_id.
WITH made AS (
  INSERT INTO users (organization_id, external_id, display_name)
  SELECT $1, n.name, n.name FROM unnest($2::text[]) AS n(name) ORDER BY n.name
  ON CONFLICT (organization_id, external_id) DO UPDATE SET deleted_at = NULL
  RETURNING external_id, id
)
SELECT external_id, id FROM made
