-- Queues a dead or cancelled job again, with all its attempts. Index: pk_background_jobs.
UPDATE background_jobs
SET status = 'queued', attempt = 0, run_at = clock_timestamp(), finished_at = NULL, cancel_requested_at = NULL,
  progress = 0, progress_message = NULL
WHERE organization_id = $1 AND id = $2 AND status IN ('dead', 'cancelled')
RETURNING id
