-- A page of runs, newest first, after the place ($5, $6): of the workflow $2, by the agent $3, in the status $4.
-- Indexes: ix_workflow_executions_workflow, _agent.
SELECT e.id, e.workflow_id, e.workflow, e.agent_id, e.agent, e.status, e.execution_data::text AS execution_data,
  e.started_at, e.completed_at, e.duration_ms, e.error_message, e.version
FROM workflow_execution_history e
WHERE e.organization_id = $1
  AND ($2::uuid IS NULL OR e.workflow_id = $2)
  AND ($3::uuid IS NULL OR e.agent_id = $3)
  AND ($4::text IS NULL OR e.status = $4)
  AND ($5::timestamptz IS NULL OR (e.started_at, e.id) < ($5, $6::uuid))
ORDER BY e.started_at DESC, e.id DESC
LIMIT $7
