-- object: function collect_metrics()
-- Adds up what a statement wrote, by series and hour, for the rollups. Nobody waits for anybody: each statement leaves
-- rows of its own, and the rollup takes them away.
CREATE OR REPLACE FUNCTION collect_metrics() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_ARGV[0] = 'agent' THEN
    INSERT INTO metric_partials (organization_id, source, subject, metric_type, hour, sample_count, total,
      total_of_squares, minimum, maximum)
    SELECT organization_id, 'agent', agent_id::text, metric_type, date_trunc('hour', "timestamp", 'UTC'),
      count(*), sum(value), sum(value * value), min(value), max(value)
    FROM added GROUP BY organization_id, agent_id, metric_type, date_trunc('hour', "timestamp", 'UTC');
  ELSE
    INSERT INTO metric_partials (organization_id, source, subject, metric_type, hour, sample_count, total,
      total_of_squares, minimum, maximum)
    SELECT organization_id, 'system', component, metric_type, date_trunc('hour', "timestamp", 'UTC'),
      count(*), sum(value), sum(value * value), min(value), max(value)
    FROM added GROUP BY organization_id, component, metric_type, date_trunc('hour', "timestamp", 'UTC');
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER collect AFTER INSERT ON agent_metrics
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION collect_metrics('agent');
CREATE OR REPLACE TRIGGER collect AFTER INSERT ON system_metrics
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION collect_metrics('system');

-- object: function roll_up_metrics(uuid, integer)
-- Adds waiting partials to the hourly and daily rollups and takes them away, in one statement: each is added exactly
-- once, however often and by however many this is called, and whenever its measurements were made. Returns how many.
-- Without an organisation: everybody's, which only the owner of the tables may see.
CREATE OR REPLACE FUNCTION roll_up_metrics(p_organization uuid, p_limit integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE taken_count integer;
BEGIN
  WITH chosen AS (
    SELECT organization_id, id FROM metric_partials
    WHERE p_organization IS NULL OR organization_id = p_organization
    LIMIT p_limit FOR UPDATE SKIP LOCKED
  ), taken AS (
    DELETE FROM metric_partials p USING chosen c WHERE p.organization_id = c.organization_id AND p.id = c.id
    RETURNING p.*
  ), added AS (
    INSERT INTO metric_rollups AS r (organization_id, source, subject, metric_type, bucket_size, bucket_start,
      sample_count, total, total_of_squares, minimum, maximum)
    SELECT t.organization_id, t.source, t.subject, t.metric_type, s.size, date_trunc(s.size::text, t.hour, 'UTC'),
      sum(t.sample_count), sum(t.total), sum(t.total_of_squares), min(t.minimum), max(t.maximum)
    FROM taken t CROSS JOIN (VALUES ('hour'::metric_interval), ('day')) AS s(size)
    GROUP BY 1, 2, 3, 4, 5, 6
    ORDER BY 1, 2, 3, 4, 5, 6  -- one order for all, so that two of us wait for each other and do not deadlock
    ON CONFLICT (organization_id, source, subject, metric_type, bucket_size, bucket_start) DO UPDATE
    SET sample_count = r.sample_count + excluded.sample_count, total = r.total + excluded.total,
        total_of_squares = r.total_of_squares + excluded.total_of_squares,
        minimum = least(r.minimum, excluded.minimum), maximum = greatest(r.maximum, excluded.maximum),
        updated_at = now()
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM taken) + 0 * (SELECT count(*) FROM added) INTO taken_count;
  RETURN taken_count;
END $$;
