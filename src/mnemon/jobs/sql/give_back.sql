-- A job that its worker stopped: cancelled if that was wanted ($4), else back in the queue with the attempt not counted.
-- Index: pk_background_jobs.
UPDATE background_jobs
SET status = CASE WHEN $4 THEN 'cancelled' ELSE 'queued' END::job_status,
  finished_at = CASE WHEN $4 THEN clock_timestamp() END,
  attempt = CASE WHEN $4 THEN attempt ELSE greatest(attempt - 1, 0) END,
  lease_id = NULL, lease_expires_at = NULL, run_at = clock_timestamp()
WHERE organization_id = $1 AND id = $2 AND lease_id = $3
RETURNING status::text
