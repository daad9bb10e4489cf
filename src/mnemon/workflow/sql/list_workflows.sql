-- A page of definitions, newest first, after the place ($3, $4). Index: ix_workflows_created, or ix_workflows_status.
SELECT w.id, w.name, w.description, w.steps::text AS steps, w.dependencies::text AS dependencies, w.status,
  w.created_by, w.version, w.created_at, w.updated_at
FROM workflows w
WHERE w.organization_id = $1 AND w.deleted_at IS NULL
  AND ($2::text IS NULL OR w.status = $2)
  AND ($3::timestamptz IS NULL OR (w.created_at, w.id) < ($3, $4::uuid))
ORDER BY w.created_at DESC, w.id DESC
LIMIT $5
