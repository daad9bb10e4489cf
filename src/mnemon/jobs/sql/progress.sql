-- How far a job is; no row if the lease is not the job's any more. Index: pk_background_jobs.
UPDATE background_jobs SET progress = $4, progress_message = $5
WHERE organization_id = $1 AND id = $2 AND lease_id = $3
RETURNING id
