-- A new job; no row if one of its kind with the same idempotency key is queued or running.
-- Index: uq_background_jobs_idempotency_key.
INSERT INTO background_jobs (organization_id, kind, payload, queue, priority, run_at, idempotency_key, max_attempts,
  user_id, agent_id, permissions)
VALUES ($1, $2, $3::text::jsonb, $4, $5, coalesce($6, clock_timestamp() + make_interval(secs => $7)), $8, $9, $10, $11,
  $12)
ON CONFLICT (organization_id, kind, idempotency_key) WHERE status IN ('queued', 'running') DO NOTHING
RETURNING id
