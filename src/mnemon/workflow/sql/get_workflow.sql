-- One definition by its id, if it is alive. Index: pk_workflows.
SELECT w.id, w.name, w.description, w.steps::text AS steps, w.dependencies::text AS dependencies, w.status,
  w.created_by, w.version, w.created_at, w.updated_at
FROM workflows w
WHERE w.organization_id = $1 AND w.id = $2 AND w.deleted_at IS NULL
