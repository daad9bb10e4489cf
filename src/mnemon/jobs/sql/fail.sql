-- The end of an attempt that failed: queued for another one after a delay, or dead when none is left or none will help
-- ($6). $7: the delay in seconds. Index: pk_background_jobs.
UPDATE background_jobs
SET status = CASE WHEN $6 OR attempt >= max_attempts THEN 'dead' ELSE 'queued' END::job_status,
  finished_at = CASE WHEN $6 OR attempt >= max_attempts THEN clock_timestamp() END,
  lease_id = NULL, lease_expires_at = NULL, error_code = $4, last_error = $5,
  run_at = clock_timestamp() + make_interval(secs => $7)
WHERE organization_id = $1 AND id = $2 AND lease_id = $3
RETURNING status::text
