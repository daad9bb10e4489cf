-- The job of a kind that has this idempotency key and is not over. Index: uq_background_jobs_idempotency_key.
SELECT id FROM background_jobs
WHERE organization_id = $1 AND kind = $2 AND idempotency_key = $3 AND status IN ('queued', 'running')
