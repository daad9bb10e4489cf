-- The end of a job that came through, in the transaction of its effects; no row if the lease is not the job's any more,
-- and then that transaction must not be committed. Index: pk_background_jobs.
UPDATE background_jobs
SET status = 'succeeded', lease_id = NULL, lease_expires_at = NULL, result = $4::text::jsonb, progress = 100,
  finished_at = clock_timestamp()
WHERE organization_id = $1 AND id = $2 AND lease_id = $3
RETURNING id
