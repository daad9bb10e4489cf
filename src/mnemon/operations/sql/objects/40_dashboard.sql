-- object: view metric_dashboard
-- object: materialized view metric_summary
-- What the dashboard shows (REQ-T134, REQ-T149): each series over the last hour, day and week, in whole hours up to and
-- with the running one. Of every organisation at once; the application reads it through the view below only.
DROP VIEW IF EXISTS metric_dashboard;
DROP MATERIALIZED VIEW IF EXISTS metric_summary;
CREATE MATERIALIZED VIEW metric_summary AS
SELECT r.organization_id, r.source, r.subject, r.metric_type, w.span, sum(r.sample_count)::bigint AS sample_count,
  sum(r.total) / sum(r.sample_count) AS average, min(r.minimum) AS minimum, max(r.maximum) AS maximum,
  sqrt(greatest(sum(r.total_of_squares) / sum(r.sample_count) - (sum(r.total) / sum(r.sample_count)) ^ 2, 0))
    AS deviation,
  max(r.updated_at) AS updated_at, now() AS refreshed_at
FROM metric_rollups r
JOIN (VALUES ('hour', interval '1 hour'), ('day', interval '24 hours'), ('week', interval '168 hours')) w(span, length)
  ON r.bucket_start >= date_trunc('hour', now(), 'UTC') - w.length AND r.bucket_start <= now()
WHERE r.bucket_size = 'hour' AND r.sample_count > 0  -- as ix_metric_rollups_recent has it
  AND r.bucket_start >= date_trunc('hour', now(), 'UTC') - interval '168 hours'
GROUP BY r.organization_id, r.source, r.subject, r.metric_type, w.span;
CREATE UNIQUE INDEX uq_metric_summary ON metric_summary (organization_id, source, subject, metric_type, span);
COMMENT ON MATERIALIZED VIEW metric_summary IS
  'Series of metrics over the last hour, day and week, of all organisations; the application may not read it';

CREATE VIEW metric_dashboard WITH (security_barrier) AS
SELECT * FROM metric_summary
WHERE organization_id = current_tenant();
COMMENT ON VIEW metric_dashboard IS 'The organisation''s own rows of metric_summary';
GRANT SELECT ON metric_dashboard TO mnemon_app;

-- object: function refresh_dashboard()
-- Rolls up what waits, of every organisation, and renews metric_summary; readers are not blocked. Returns the partials
-- that were rolled up. If somebody is at it already, it waits and does it once more: what came in between is in it.
CREATE OR REPLACE FUNCTION refresh_dashboard() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  done integer;
  total bigint := 0;
BEGIN
  PERFORM FROM upkeep_locks WHERE name = 'dashboard' FOR UPDATE;
  LOOP
    done := roll_up_metrics(NULL, 10000);
    total := total + done;
    EXIT WHEN done < 10000;  -- all there were: beside who writes without end there is always one more
  END LOOP;
  REFRESH MATERIALIZED VIEW CONCURRENTLY metric_summary;
  RETURN total;
END $$;
REVOKE ALL ON FUNCTION refresh_dashboard() FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION refresh_dashboard() TO mnemon_worker;
