-- object: view workflow_execution_history
-- Executions with the names of their workflow and their agent, and how long they took (REQ-T148). The reader's policies
-- hold.
CREATE OR REPLACE VIEW workflow_execution_history WITH (security_invoker = true) AS
SELECT e.organization_id, e.id, e.workflow_id, w.name AS workflow, e.agent_id, a.name AS agent, e.status,
  e.execution_data, e.started_at, e.completed_at,
  (extract(epoch FROM e.completed_at - e.started_at) * 1000)::bigint AS duration_ms, e.error_message, e.version
FROM workflow_executions e
JOIN workflows w ON w.organization_id = e.organization_id AND w.id = e.workflow_id
JOIN agents a ON a.organization_id = e.organization_id AND a.id = e.agent_id
WHERE e.deleted_at IS NULL;
GRANT SELECT ON workflow_execution_history TO mnemon_app;
