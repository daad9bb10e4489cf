-- Writes the status of a run that this transaction has locked, with what a step gave, if one ended.
-- Index: the primary key of one partition.
UPDATE workflow_executions
SET status = $4, error_message = $5,
  execution_data = CASE WHEN $6::text IS NULL THEN execution_data ELSE
    jsonb_set(execution_data, ARRAY['steps'],
      coalesce(execution_data -> 'steps', '{}') || jsonb_build_object($6, $7::jsonb))
  END
WHERE organization_id = $1 AND id = $2 AND started_at = $3
