-- Cancels a queued job; asks for it where it runs. One row with the state it is in now, none if it was over.
-- Index: pk_background_jobs.
UPDATE background_jobs
SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
  status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END,
  finished_at = CASE WHEN status = 'queued' THEN clock_timestamp() END
WHERE organization_id = $1 AND id = $2 AND finished_at IS NULL
RETURNING status::text
