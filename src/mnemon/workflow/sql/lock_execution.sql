-- A run, locked until the transaction ends, with the graph of its workflow. Index: the primary key of each partition.
SELECT e.id, e.started_at, e.status, e.version, e.execution_data::text AS execution_data, w.steps::text AS steps,
  w.dependencies::text AS dependencies
FROM workflow_executions e
JOIN workflows w ON w.organization_id = e.organization_id AND w.id = e.workflow_id
WHERE e.organization_id = $1 AND e.id = $2 AND e.deleted_at IS NULL AND w.organization_id = $1
FOR NO KEY UPDATE OF e
