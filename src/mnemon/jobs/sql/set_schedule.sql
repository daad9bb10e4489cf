-- Makes a schedule; one of that name that is there is changed ($15) or left as it is. Its next time is reckoned anew
-- only when its rhythm is another one or one is given. Index: uq_job_schedules_organization_id_name.
INSERT INTO job_schedules AS s (organization_id, name, kind, payload, queue, priority, max_attempts, every_seconds,
  daily_at, enabled, next_run_at, user_id, agent_id, permissions)
VALUES ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8, $9, $10,
  coalesce($11, CASE WHEN $8::int IS NULL THEN next_occurrence(NULL, $9, now(), now()) ELSE now() END), $12, $13, $14)
ON CONFLICT (organization_id, name) DO UPDATE
SET kind = excluded.kind, payload = excluded.payload, queue = excluded.queue, priority = excluded.priority,
  max_attempts = excluded.max_attempts, every_seconds = excluded.every_seconds, daily_at = excluded.daily_at,
  enabled = excluded.enabled, user_id = excluded.user_id, agent_id = excluded.agent_id,
  permissions = excluded.permissions, updated_at = now(),
  next_run_at = CASE
    WHEN $11 IS NULL AND s.every_seconds IS NOT DISTINCT FROM excluded.every_seconds
      AND s.daily_at IS NOT DISTINCT FROM excluded.daily_at THEN s.next_run_at
    ELSE excluded.next_run_at END
WHERE $15
RETURNING *
