-- object: function next_occurrence(integer, time, timestamptz, timestamptz)
-- When a schedule fires next after p_now: a whole number of steps after p_from, or at a time of day (UTC).
CREATE OR REPLACE FUNCTION next_occurrence(p_every integer, p_daily time, p_from timestamptz, p_now timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE
    WHEN p_every IS NOT NULL THEN
      p_from + make_interval(secs => p_every * greatest(floor(extract(epoch FROM p_now - p_from) / p_every) + 1, 0))
    ELSE (
      (p_now AT TIME ZONE 'UTC')::date + p_daily
      + CASE WHEN (p_now AT TIME ZONE 'UTC')::time >= p_daily THEN interval '1 day' ELSE interval '0' END
    ) AT TIME ZONE 'UTC'
  END;
END;

-- object: function fire_schedules(integer)
-- Enqueues the jobs of schedules that are due and says when each is due next, in one transaction: however many workers
-- call it, each occurrence fires once, and those that were missed fire once together. What the schedule enqueued last
-- and is not over yet is not enqueued a second time. Returns how many fired. Index: ix_job_schedules_next.
CREATE OR REPLACE FUNCTION fire_schedules(p_limit integer DEFAULT 100) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  due job_schedules;
  fired integer := 0;
BEGIN
  FOR due IN
    SELECT * FROM job_schedules s WHERE s.enabled AND s.next_run_at <= now()
    ORDER BY s.next_run_at LIMIT p_limit FOR UPDATE SKIP LOCKED
  LOOP
    INSERT INTO background_jobs (organization_id, kind, queue, payload, priority, max_attempts, idempotency_key,
      schedule, user_id, agent_id, permissions)
    VALUES (due.organization_id, due.kind, due.queue, due.payload, due.priority, due.max_attempts,
      'schedule:' || due.name, due.name, due.user_id, due.agent_id, due.permissions)
    ON CONFLICT (organization_id, kind, idempotency_key) WHERE status IN ('queued', 'running') DO NOTHING;
    UPDATE job_schedules s
    SET last_run_at = clock_timestamp(),
      next_run_at = next_occurrence(due.every_seconds, due.daily_at, due.next_run_at, clock_timestamp())
    WHERE s.organization_id = due.organization_id AND s.id = due.id;
    fired := fired + 1;
  END LOOP;
  RETURN fired;
END $$;
REVOKE ALL ON FUNCTION fire_schedules(integer) FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION fire_schedules(integer) TO mnemon_worker;
