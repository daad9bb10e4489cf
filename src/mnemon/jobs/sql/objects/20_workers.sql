-- What workers do across organisations, and only their role may call. SECURITY DEFINER: they return or change jobs as
-- claims and leases allow, and nothing else; afterwards a worker acts inside the job's own organisation. What a caller
-- can ask for at once is bounded: a thousand jobs, and leases of a day.

-- object: function claim_jobs(text, text[], text[], uuid, integer, double precision)
-- Leases up to p_limit due jobs of the given kinds (and queues, if any are named) to a worker, for p_lease seconds.
--
-- Organisations take turns: one job of each, in the order of their ids, beginning after p_after, which is where the
-- worker's last claim ended; only when everybody had a turn is more taken. Within an organisation the highest priority
-- goes first, then what has waited longest. Jobs that another worker is taking are passed over. However much waits, the
-- price is that of the organisations visited, of each one's levels (queue, priority, kind) and of the jobs taken.
-- Index: ix_background_jobs_due.
CREATE OR REPLACE FUNCTION claim_jobs(
  p_worker text, p_kinds text[], p_queues text[], p_after uuid, p_limit integer, p_lease double precision
) RETURNS TABLE (
  id uuid, organization_id uuid, kind text, queue text, payload text, attempt integer, max_attempts integer,
  lease_id uuid, user_id uuid, agent_id uuid, permissions text[], created_at timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
  p_organization uuid;  -- whose turn it is
  p_share integer := 1;  -- jobs of a turn
  turns uuid[] := '{}';  -- who had jobs in this round
  next_turns uuid[];
  around boolean := p_after IS NULL;  -- past the last id, begun again with the first
  first_round boolean := true;
  last uuid := p_after;
  turn integer := 0;
  taken integer;
  total integer := 0;
BEGIN
  p_limit := least(p_limit, 1000);
  p_lease := least(p_lease, 86400);
  WHILE total < p_limit LOOP
    IF first_round THEN
      IF last IS NULL THEN
        SELECT j.organization_id INTO p_organization FROM background_jobs j
        WHERE j.status = 'queued' ORDER BY j.organization_id, j.queue, - j.priority, j.kind LIMIT 1;
      ELSE
        SELECT j.organization_id INTO p_organization FROM background_jobs j
        WHERE j.status = 'queued' AND j.organization_id > last
        ORDER BY j.organization_id, j.queue, - j.priority, j.kind LIMIT 1;
      END IF;
      IF p_organization IS NULL AND NOT around THEN
        around := true;
        last := NULL;
        CONTINUE;
      END IF;
      last := p_organization;
      IF p_organization IS NULL OR (around AND p_organization > p_after) THEN
        first_round := false;
        next_turns := turns;
        turns := '{}';
      END IF;
    END IF;
    IF NOT first_round THEN
      turn := turn + 1;
      IF turn > cardinality(turns) THEN
        EXIT WHEN cardinality(next_turns) = 0;
        turns := next_turns;
        next_turns := '{}';
        p_share := ceil((p_limit - total) / cardinality(turns)::numeric);
        turn := 1;
      END IF;
      p_organization := turns[turn];
    ELSIF p_organization <> '00000000-0000-0000-0000-000000000000' AND NOT EXISTS (
        SELECT FROM organizations o WHERE o.id = p_organization AND o.deleted_at IS NULL) THEN
      CONTINUE;
    END IF;
    RETURN QUERY
    WITH RECURSIVE level AS (
      (SELECT j.queue, - j.priority AS rank, j.kind FROM background_jobs j
       WHERE j.status = 'queued' AND j.organization_id = p_organization
       ORDER BY j.organization_id, j.queue, - j.priority, j.kind LIMIT 1)
      UNION ALL
      SELECT n.queue, n.rank, n.kind FROM level l CROSS JOIN LATERAL (
        SELECT j.queue, - j.priority AS rank, j.kind FROM background_jobs j
        WHERE j.status = 'queued' AND j.organization_id = p_organization
          AND (j.queue, - j.priority, j.kind) > (l.queue, l.rank, l.kind)
        ORDER BY j.organization_id, j.queue, - j.priority, j.kind LIMIT 1
      ) n
    ), due AS (
      SELECT d.place, d.id, l.rank, d.run_at FROM level l CROSS JOIN LATERAL (
        SELECT j.ctid AS place, j.id, j.run_at FROM background_jobs j
        WHERE j.status = 'queued' AND j.organization_id = p_organization AND j.queue = l.queue
          AND - j.priority = l.rank AND j.kind = l.kind AND j.run_at <= now()
        ORDER BY j.organization_id, j.queue, - j.priority, j.kind, j.run_at, j.id
        LIMIT 4 * p_share + 32  -- so many are passed over when others are taking them
      ) d
      WHERE l.kind = ANY(p_kinds) AND (p_queues IS NULL OR l.queue = ANY(p_queues))
    ), locked AS (
      -- By their places: whatever the planner knows or does not know of the table, it has no choice here. A row that
      -- has changed since is not in its place any more, and is passed over too.
      SELECT j.ctid AS place FROM due d JOIN background_jobs j ON j.ctid = d.place
      WHERE j.lease_id IS NULL AND j.finished_at IS NULL
      ORDER BY d.rank, d.run_at, d.id
      LIMIT least(p_share, p_limit - total)
      FOR UPDATE OF j SKIP LOCKED
    )
    UPDATE background_jobs j
    SET status = 'running', attempt = j.attempt + 1, lease_id = gen_random_uuid(), worker = p_worker,
      lease_expires_at = clock_timestamp() + make_interval(secs => p_lease), started_at = clock_timestamp(),
      progress = 0, progress_message = NULL
    FROM locked
    WHERE j.ctid = locked.place
    RETURNING j.id, j.organization_id, j.kind::text, j.queue::text, j.payload::text, j.attempt, j.max_attempts,
      j.lease_id, j.user_id, j.agent_id, j.permissions, j.created_at;
    GET DIAGNOSTICS taken = ROW_COUNT;
    total := total + taken;
    IF taken > 0 THEN
      IF first_round THEN turns := turns || p_organization; ELSE next_turns := next_turns || p_organization; END IF;
    END IF;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION claim_jobs(text, text[], text[], uuid, integer, double precision) FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION claim_jobs(text, text[], text[], uuid, integer, double precision) TO mnemon_worker;

-- object: function renew_leases(uuid[], double precision)
-- The heartbeat: prolongs leases by p_lease seconds from now, and says of each that still holds whether somebody wants
-- its job cancelled. A lease that is not among them is lost. A row that is just being changed is not waited for. Whoever
-- does not hold a lease cannot name it: it is a random number of 122 bits, told to the worker that claimed the job.
-- Index: ix_background_jobs_lease.
CREATE OR REPLACE FUNCTION renew_leases(p_leases uuid[], p_lease double precision)
RETURNS TABLE (lease_id uuid, cancel_requested boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  WITH held AS (
    SELECT j.ctid AS place FROM background_jobs j WHERE j.lease_id = ANY(p_leases) FOR UPDATE SKIP LOCKED
  )
  UPDATE background_jobs j SET lease_expires_at = clock_timestamp() + make_interval(secs => least(p_lease, 86400))
  FROM held WHERE j.ctid = held.place;
  RETURN QUERY SELECT j.lease_id, j.cancel_requested_at IS NOT NULL FROM background_jobs j
    WHERE j.lease_id = ANY(p_leases);
END $$;
REVOKE ALL ON FUNCTION renew_leases(uuid[], double precision) FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION renew_leases(uuid[], double precision) TO mnemon_worker;

-- object: function release_expired_jobs(integer)
-- Takes jobs back whose worker was not heard of in time: queued again, cancelled if that was wanted, or dead if no
-- attempt is left. Returns how many. Any number may call it at once. Index: ix_background_jobs_expiry.
CREATE OR REPLACE FUNCTION release_expired_jobs(p_limit integer DEFAULT 1000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE released integer;
BEGIN
  WITH late AS (
    SELECT j.ctid AS place,
      CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'::job_status
        WHEN j.attempt >= j.max_attempts THEN 'dead' ELSE 'queued' END AS becomes
    FROM background_jobs j
    WHERE j.status = 'running' AND j.lease_expires_at < now()
    ORDER BY j.lease_expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED
  )
  UPDATE background_jobs j
  SET status = late.becomes, lease_id = NULL, lease_expires_at = NULL, run_at = clock_timestamp(),
    error_code = 'jobs.lease_expired',
    last_error = format('The worker %s was not heard of before the lease ended.', j.worker),
    finished_at = CASE WHEN late.becomes <> 'queued' THEN clock_timestamp() END
  FROM late WHERE j.ctid = late.place;
  GET DIAGNOSTICS released = ROW_COUNT;
  RETURN released;
END $$;
REVOKE ALL ON FUNCTION release_expired_jobs(integer) FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION release_expired_jobs(integer) TO mnemon_worker;

-- object: function prune_jobs(integer, integer, integer)
-- Removes jobs that were over p_days ago, dead ones p_dead_days ago (a day at least); at most p_limit, returns how many.
-- Index: ix_background_jobs_finished.
CREATE OR REPLACE FUNCTION prune_jobs(p_days integer, p_dead_days integer, p_limit integer DEFAULT 1000)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE removed integer;
BEGIN
  WITH old AS (
    SELECT j.ctid AS place FROM background_jobs j
    WHERE j.finished_at < now() - make_interval(days => greatest(least(p_days, p_dead_days), 1))
      AND j.finished_at < now() - make_interval(
        days => greatest(CASE WHEN j.status = 'dead' THEN p_dead_days ELSE p_days END, 1))
    ORDER BY j.finished_at LIMIT p_limit FOR UPDATE SKIP LOCKED
  )
  DELETE FROM background_jobs j USING old WHERE j.ctid = old.place;
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END $$;
REVOKE ALL ON FUNCTION prune_jobs(integer, integer, integer) FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION prune_jobs(integer, integer, integer) TO mnemon_worker;

-- object: function organizations_after(uuid, integer)
-- The ids of organisations, in order, for work that has to look at each of them.
CREATE OR REPLACE FUNCTION organizations_after(p_after uuid, p_limit integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT o.id FROM organizations o
    WHERE o.deleted_at IS NULL AND o.id > p_after ORDER BY o.id LIMIT p_limit;
END $$;
REVOKE ALL ON FUNCTION organizations_after(uuid, integer) FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION organizations_after(uuid, integer) TO mnemon_worker;
