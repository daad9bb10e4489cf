-- Begins a run of a workflow that is active; its id and its time, nothing if the workflow is not. The share lock keeps
-- the workflow active until the run is there. Index: pk_workflows.
WITH active AS MATERIALIZED (
  SELECT w.id FROM workflows w
  WHERE w.organization_id = $1 AND w.id = $2 AND w.status = 'active' AND w.deleted_at IS NULL
  FOR SHARE
)
INSERT INTO workflow_executions (organization_id, workflow_id, agent_id, execution_data)
SELECT $1, active.id, $3, $4::jsonb FROM active
RETURNING id, started_at
