-- Every time series that is partitioned by range. What the owner changed of retention_days stays as it is.
INSERT INTO partition_policies (table_name, column_name, every, retention_days) VALUES
  ('agent_metrics', 'timestamp', 'day', 90),
  ('agent_states', 'created_at', 'month', NULL),
  ('api_requests', 'timestamp', 'day', 90),
  ('audit_logs', 'created_at', 'month', 2555),
  ('error_logs', 'timestamp', 'week', 90),
  ('knowledge_metrics', 'timestamp', 'day', NULL),
  ('notifications', 'created_at', 'month', NULL),
  ('pattern_metrics', 'created_at', 'month', NULL),
  ('pattern_usage', 'timestamp', 'week', NULL),
  ('system_metrics', 'timestamp', 'day', 90),
  ('workflow_executions', 'started_at', 'week', NULL)
ON CONFLICT (table_name) DO UPDATE SET column_name = excluded.column_name, every = excluded.every;

-- object: function partition_bounds(text)
-- The partitions of a table but the default one, with their bounds; a bound without an end is infinite.
CREATE OR REPLACE FUNCTION partition_bounds(p_table text)
RETURNS TABLE (name text, lower_bound timestamptz, upper_bound timestamptz) LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.relname::text,
    coalesce(substring(b.bound FROM $r$FROM \('([^']+)'\)$r$)::timestamptz, '-infinity'),
    coalesce(substring(b.bound FROM $r$TO \('([^']+)'\)$r$)::timestamptz, 'infinity')
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) AS b(bound)
  WHERE i.inhparent = to_regclass(quote_ident(p_table)) AND b.bound LIKE 'FOR VALUES FROM%'
$$;

-- object: function make_partition(text, text, timestamptz)
-- Makes the partition that a moment belongs to, unless something there covers part of it; returns its name, or null.
CREATE OR REPLACE FUNCTION make_partition(p_table text, p_every text, p_moment timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  starts timestamp := date_trunc(p_every, p_moment AT TIME ZONE 'UTC');
  ends timestamp := starts + ('1 ' || p_every)::interval;
  made text := p_table || '_' || to_char(starts, 'YYYYMMDD');
BEGIN
  IF EXISTS (
    SELECT FROM partition_bounds(p_table)
    WHERE lower_bound < ends AT TIME ZONE 'UTC' AND upper_bound > starts AT TIME ZONE 'UTC'
  ) THEN RETURN NULL; END IF;
  EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
    made, p_table, starts AT TIME ZONE 'UTC', ends AT TIME ZONE 'UTC');
  PERFORM hide_from_statistics(made);
  RETURN made;
END $$;

-- object: function drain_default_partition(text, text, text, timestamptz, timestamptz, timestamptz)
-- Moves the rows of the default partition to proper ones. Rows before p_oldest are past their retention and go; rows
-- outside p_from to p_until, and those of more than 100 partitions at a time, stay where they are: any date is
-- accepted, but nobody makes a partition for each day of a century. Returns how many rows were moved or went.
CREATE OR REPLACE FUNCTION drain_default_partition(
  p_table text, p_column text, p_every text, p_oldest timestamptz, p_from timestamptz, p_until timestamptz
) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  drained text := p_table || '_draining';
  columns text;
  moment timestamptz;
  moments timestamptz[];
  part record;
  moved bigint := 0;
  count_there bigint;
BEGIN
  EXECUTE format('SELECT array_agg(s.start) FROM (SELECT DISTINCT date_trunc(%1$L, %2$I, ''UTC'') AS start '
    'FROM ONLY %3$I WHERE %2$I >= %4$L AND %2$I < %5$L AND %2$I >= %6$L ORDER BY 1 DESC LIMIT 100) s',
    p_every, p_column, p_table || '_default', p_from, p_until, p_oldest) INTO moments;
  EXECUTE format('SELECT count(*) FROM ONLY %I WHERE %I < %L', p_table || '_default', p_column, p_oldest)
    INTO count_there;
  IF moments IS NULL AND count_there = 0 THEN RETURN 0; END IF;
  -- The old default partition is taken off, which takes the table's triggers off it: nothing of an append-only table
  -- is deleted, its rows change their place. Rows go straight into partitions, where no policy asks for a tenant.
  EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', p_table, p_table || '_default');
  EXECUTE format('ALTER TABLE %I RENAME TO %I', p_table || '_default', drained);
  EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I DEFAULT', p_table || '_default', p_table);
  PERFORM hide_from_statistics(p_table || '_default');
  FOREACH moment IN ARRAY coalesce(moments, '{}') LOOP
    PERFORM make_partition(p_table, p_every, moment);
  END LOOP;
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute
  WHERE attrelid = to_regclass(quote_ident(p_table)) AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
  FOR part IN SELECT * FROM partition_bounds(p_table) b WHERE b.lower_bound = ANY (moments) LOOP
    EXECUTE format('WITH taken AS (DELETE FROM %3$I WHERE %4$I >= %5$L AND %4$I < %6$L AND %4$I >= %7$L RETURNING *) '
      'INSERT INTO %1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM taken',
      part.name, columns, drained, p_column, part.lower_bound, part.upper_bound, p_oldest);
    GET DIAGNOSTICS count_there = ROW_COUNT;
    moved := moved + count_there;
  END LOOP;
  EXECUTE format('DELETE FROM %I WHERE %I < %L', drained, p_column, p_oldest);
  GET DIAGNOSTICS count_there = ROW_COUNT;
  moved := moved + count_there;
  EXECUTE format('INSERT INTO %1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM %3$I',
    p_table || '_default', columns, drained);
  EXECUTE format('DROP TABLE %I', drained);
  RETURN moved;
END $$;

-- object: function maintain_partitions_at(text, timestamptz)
-- What maintain_partitions does, at a given time. Not for the application: a time to come would drop everything.
CREATE OR REPLACE FUNCTION maintain_partitions_at(p_table text, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  policy partition_policies;
  oldest timestamptz := '-infinity';
  made text[] := '{}';
  dropped text[] := '{}';
  moved bigint;
  starts timestamptz;
  part record;
BEGIN
  -- One at a time, by a row that only its owner can lock: an advisory lock could be held by whoever may connect.
  SELECT * INTO policy FROM partition_policies WHERE table_name = p_table FOR UPDATE;
  IF NOT FOUND OR to_regclass(quote_ident(p_table)) IS NULL THEN RETURN NULL; END IF;
  IF policy.retention_days IS NOT NULL THEN
    -- A partition goes when its last row is past retention, so rows are kept for up to one interval longer.
    oldest := date_trunc(policy.every, p_now - make_interval(days => policy.retention_days), 'UTC');
    IF p_table = 'audit_logs' THEN
      -- Nothing of the trail goes but what a signed record says: see sign_retention.
      SELECT least(oldest, coalesce(max(timestamptz 'epoch' + r.until_us * interval '1 microsecond'), '-infinity'))
      INTO oldest FROM audit_retentions('00000000-0000-0000-0000-000000000000') r;
    END IF;
  END IF;
  moved := drain_default_partition(p_table, policy.column_name, policy.every, oldest, p_now - interval '10 years',
    p_now + 4 * ('1 ' || policy.every)::interval);
  FOR step IN -1..3 LOOP
    starts := (date_trunc(policy.every, p_now AT TIME ZONE 'UTC') + step * ('1 ' || policy.every)::interval)
      AT TIME ZONE 'UTC';
    IF starts >= oldest THEN
      made := made || make_partition(p_table, policy.every, starts);
    END IF;
  END LOOP;
  FOR part IN SELECT * FROM partition_bounds(p_table) b WHERE b.upper_bound <= oldest ORDER BY b.lower_bound LOOP
    EXECUTE format('DROP TABLE %I', part.name);
    dropped := dropped || part.name;
  END LOOP;
  UPDATE partition_policies
  SET maintained_at = p_now,
      kept_since = CASE WHEN cardinality(dropped) > 0 OR moved > 0 THEN greatest(kept_since, nullif(oldest, '-infinity'))
        ELSE kept_since END
  WHERE table_name = p_table;
  RETURN jsonb_build_object('made', array_remove(made, NULL), 'dropped', dropped, 'drained', moved);
END $$;
REVOKE ALL ON FUNCTION maintain_partitions_at(text, timestamptz) FROM PUBLIC;

-- object: function maintain_partitions(text)
-- Makes a time series' partitions ahead (three intervals), drains its default partition into proper ones and drops what
-- is past retention. At any time, twice, from two places: the second waits for the first. It gives up when it cannot
-- have a lock at once, before anybody has to wait long for it: a lock that is not to be had is an error, and nothing
-- was done. SECURITY DEFINER: tables are made and dropped by who owns them, and by no rule but partition_policies.
CREATE OR REPLACE FUNCTION maintain_partitions(p_table text) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '800ms' AS $$
  SELECT maintain_partitions_at(p_table, now())
$$;
REVOKE ALL ON FUNCTION maintain_partitions(text) FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION maintain_partitions(text) TO mnemon_worker;
