-- What these tables refer to is checked once for a statement, where a foreign key looks it up for every row, which takes
-- more of the server's time than all else about a measurement together (docs/metrics.md). What is refused, held and
-- removed is what a foreign key would: measurements are of agents of the same organisation, sums of organisations that
-- exist. Who deletes one of these waits for those who are writing about it, and what they wrote goes too.

-- object: function collect_metrics()
-- Adds up what a statement wrote, by series and hour, for the rollups. Nobody waits for anybody: each statement leaves
-- rows of its own, and the rollup takes them away. Measurements of unknown agents are refused. Index: pk_agents.
CREATE OR REPLACE FUNCTION collect_metrics() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE unknown bigint;
BEGIN
  IF TG_ARGV[0] = 'agent' THEN
    WITH sums AS MATERIALIZED (
      -- Whole hours of UTC; date_trunc would ask for the time zone of every row.
      SELECT organization_id, agent_id, metric_type, date_bin('1 hour', "timestamp", '0001-01-01 00:00:00+00') AS hour,
        count(*) AS sample_count, sum(value) AS total, sum(value * value) AS total_of_squares, min(value) AS minimum,
        max(value) AS maximum
      FROM added GROUP BY 1, 2, 3, 4
    ), kept AS (
      INSERT INTO metric_partials (organization_id, source, subject, metric_type, hour, sample_count, total,
        total_of_squares, minimum, maximum)
      SELECT organization_id, 'agent', agent_id::text, metric_type, hour, sample_count, total, total_of_squares,
        minimum, maximum
      FROM sums
    ), named AS MATERIALIZED (
      SELECT DISTINCT organization_id, agent_id FROM sums
    ), held AS MATERIALIZED (
      SELECT a.id FROM named n CROSS JOIN LATERAL (  -- by the key, however many other agents there are
        SELECT id FROM agents WHERE organization_id = n.organization_id AND id = n.agent_id FOR KEY SHARE
      ) a
    )
    SELECT (SELECT count(*) FROM named) - (SELECT count(*) FROM held) INTO unknown;
    IF unknown > 0 THEN
      RAISE foreign_key_violation USING
        MESSAGE = format('measurements of %s agents that do not exist in their organisation', unknown),
        TABLE = 'agent_metrics', CONSTRAINT = 'fk_agent_metrics_organization_id_agent_id';
    END IF;
  ELSIF TG_ARGV[0] = 'system' THEN
    INSERT INTO metric_partials (organization_id, source, subject, metric_type, hour, sample_count, total,
      total_of_squares, minimum, maximum)
    SELECT organization_id, 'system', component, metric_type,
      date_bin('1 hour', "timestamp", '0001-01-01 00:00:00+00') AS hour,
      count(*), sum(value), sum(value * value), min(value), max(value)
    FROM added GROUP BY organization_id, component, metric_type, 5;
  ELSIF TG_ARGV[0] = 'knowledge' THEN
    INSERT INTO metric_partials (organization_id, source, subject, metric_type, hour, sample_count, total,
      total_of_squares, minimum, maximum)
    SELECT organization_id, 'knowledge', knowledge_id::text, metric_type,
      date_bin('1 hour', "timestamp", '0001-01-01 00:00:00+00') AS hour,
      count(*), sum(v), sum(v * v), min(v), max(v)
    FROM (SELECT *, value::float8 AS v FROM added) a GROUP BY organization_id, knowledge_id, metric_type, 5;
  ELSIF TG_ARGV[0] = 'pattern_run' THEN
    -- Each run is two measurements: how long it took, and whether it succeeded, whose mean is the rate.
    INSERT INTO metric_partials (organization_id, source, subject, metric_type, hour, sample_count, total,
      total_of_squares, minimum, maximum)
    SELECT organization_id, 'pattern_run', pattern_id::text, kind,
      date_bin('1 hour', created_at, '0001-01-01 00:00:00+00') AS hour,
      count(*), sum(v), sum(v * v), min(v), max(v)
    FROM added CROSS JOIN LATERAL (
      VALUES ('execution_time_ms', execution_time_ms::float8), ('success', success::int::float8)
    ) m(kind, v)
    GROUP BY organization_id, pattern_id, kind, 5;
  ELSE
    -- Each use counts as one, and as whether it helped where that is known.
    INSERT INTO metric_partials (organization_id, source, subject, metric_type, hour, sample_count, total,
      total_of_squares, minimum, maximum)
    SELECT organization_id, 'pattern_use', pattern_id::text, kind,
      date_bin('1 hour', "timestamp", '0001-01-01 00:00:00+00') AS hour,
      count(*), sum(v), sum(v * v), min(v), max(v)
    FROM added CROSS JOIN LATERAL (VALUES ('used', 1::float8), ('success', success::int::float8)) m(kind, v)
    WHERE v IS NOT NULL GROUP BY organization_id, pattern_id, kind, 5;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER collect AFTER INSERT ON agent_metrics
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION collect_metrics('agent');
CREATE OR REPLACE TRIGGER collect AFTER INSERT ON system_metrics
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION collect_metrics('system');
CREATE OR REPLACE TRIGGER collect AFTER INSERT ON knowledge_metrics
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION collect_metrics('knowledge');
CREATE OR REPLACE TRIGGER collect AFTER INSERT ON pattern_metrics
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION collect_metrics('pattern_run');
CREATE OR REPLACE TRIGGER collect AFTER INSERT ON pattern_usage
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION collect_metrics('pattern_use');

-- object: function check_metric_organizations()
-- Sums, and so the measurements that they are of, belong to organisations that exist. Index: pk_organizations.
CREATE OR REPLACE FUNCTION check_metric_organizations() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE unknown bigint;
BEGIN
  WITH named AS MATERIALIZED (
    SELECT DISTINCT organization_id FROM added
  ), held AS MATERIALIZED (
    SELECT o.id FROM named n CROSS JOIN LATERAL (
      SELECT id FROM organizations WHERE id = n.organization_id FOR KEY SHARE
    ) o
  )
  SELECT (SELECT count(*) FROM named) - (SELECT count(*) FROM held) INTO unknown;
  IF unknown > 0 THEN
    RAISE foreign_key_violation USING MESSAGE = format('measurements of %s organisations that do not exist', unknown),
      TABLE = 'metric_partials', CONSTRAINT = 'fk_metric_partials_organization_id';
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER check_organizations AFTER INSERT ON metric_partials
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_metric_organizations();

-- object: function remove_metrics()
-- Removes the measurements of deleted agents, or organisations: those of all who wrote before, since they were waited
-- for. With the rights of who deletes, whom the same policies let see both.
CREATE OR REPLACE FUNCTION remove_metrics() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM removed) THEN RETURN NULL; END IF;  -- deleted softly
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    -- An older snapshot would not see what was written meanwhile, and leave it behind.
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('%s are deleted in transactions that are read committed', TG_TABLE_NAME);
  END IF;
  IF TG_ARGV[0] = 'agent' THEN
    DELETE FROM agent_metrics m USING removed r WHERE m.organization_id = r.organization_id AND m.agent_id = r.id;
  ELSE
    DELETE FROM system_metrics m USING removed r WHERE m.organization_id = r.id;
    DELETE FROM metric_partials p USING removed r WHERE p.organization_id = r.id;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER remove_metrics AFTER DELETE ON agents
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION remove_metrics('agent');
CREATE OR REPLACE TRIGGER remove_metrics AFTER DELETE ON organizations
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION remove_metrics('organization');

-- object: function keep_identity()
-- Refuses to change what measurements refer to, or to change whose they are.
CREATE OR REPLACE FUNCTION keep_identity() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE foreign_key_violation USING
    MESSAGE = format('%s keep their ids: measurements are still referring to them', TG_TABLE_NAME),
    TABLE = TG_TABLE_NAME;
END $$;

CREATE OR REPLACE TRIGGER keep_identity AFTER UPDATE OF organization_id, id ON agents FOR EACH ROW
  WHEN ((OLD.organization_id, OLD.id) IS DISTINCT FROM (NEW.organization_id, NEW.id)) EXECUTE FUNCTION keep_identity();
CREATE OR REPLACE TRIGGER keep_identity AFTER UPDATE OF id ON organizations FOR EACH ROW
  WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION keep_identity();

-- object: function refuse_metric_change()
-- Measurements are written and removed, never changed: the sums have them already.
CREATE OR REPLACE FUNCTION refuse_metric_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE insufficient_privilege USING MESSAGE = format('%s is append-only', TG_TABLE_NAME);
END $$;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE ON agent_metrics
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_metric_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE ON system_metrics
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_metric_change();

-- object: function roll_up_metrics(uuid, integer)
-- Adds waiting partials to the hourly and daily rollups and takes them away, in one statement: each is added exactly
-- once, however often and by however many this is called, and whenever its measurements were made. Returns how many.
-- At the bounds of the columns sums stay where they are: one organisation's must not stop the adding up of everybody's.
-- Without an organisation: everybody's, which only the owner of the tables may see.
CREATE OR REPLACE FUNCTION roll_up_metrics(p_organization uuid, p_limit integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE taken_count integer;
BEGIN
  WITH chosen AS (
    SELECT organization_id, number FROM metric_partials
    WHERE p_organization IS NULL OR organization_id = p_organization
    LIMIT p_limit FOR UPDATE SKIP LOCKED
  ), taken AS (
    DELETE FROM metric_partials p USING chosen c WHERE p.organization_id = c.organization_id AND p.number = c.number
    RETURNING p.*
  ), added AS (
    INSERT INTO metric_rollups AS r (organization_id, source, subject, metric_type, bucket_size, bucket_start,
      sample_count, total, total_of_squares, minimum, maximum)
    SELECT t.organization_id, t.source, t.subject, t.metric_type, s.size, date_trunc(s.size, t.hour, 'UTC'),
      least(sum(t.sample_count), 1e16), greatest(least(sum(t.total), 1e140), -1e140),
      least(sum(t.total_of_squares), 1e240), min(t.minimum), max(t.maximum)
    FROM taken t CROSS JOIN (VALUES ('hour'), ('day')) AS s(size)
    GROUP BY 1, 2, 3, 4, 5, 6
    ORDER BY 1, 2, 3, 4, 5, 6  -- one order for all, so that two of us wait for each other and do not deadlock
    ON CONFLICT (organization_id, source, subject, metric_type, bucket_size, bucket_start) DO UPDATE
    SET sample_count = least(r.sample_count + excluded.sample_count, 10000000000000000),
        total = greatest(least(r.total + excluded.total, 1e140), -1e140),
        total_of_squares = least(r.total_of_squares + excluded.total_of_squares, 1e240),
        minimum = least(r.minimum, excluded.minimum), maximum = greatest(r.maximum, excluded.maximum),
        updated_at = now()
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM taken) + 0 * (SELECT count(*) FROM added) INTO taken_count;
  RETURN taken_count;
END $$;
