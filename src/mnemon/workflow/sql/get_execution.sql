-- One run with the names of its workflow and its agent. Index: the primary key of each partition.
SELECT e.id, e.workflow_id, e.workflow, e.agent_id, e.agent, e.status, e.execution_data::text AS execution_data,
  e.started_at, e.completed_at, e.duration_ms, e.error_message, e.version
FROM workflow_execution_history e
WHERE e.organization_id = $1 AND e.id = $2
