-- Makes agents by the caller's own strings and returns all of them: (external_id, id).
-- Index: uq_agents_organization_id_external_id.
WITH made AS (
  INSERT INTO agents (organization_id, external_id, name, slug, status)
  SELECT $1, n.name, n.name, n.slug, 'active' FROM unnest($2::text[], $3::text[]) AS n(name, slug) ORDER BY n.name
  ON CONFLICT (organization_id, external_id) DO UPDATE SET deleted_at = NULL
  RETURNING external_id, id
)
SELECT external_id, id FROM made
