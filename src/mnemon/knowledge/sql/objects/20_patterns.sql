-- object: procedure count_pattern_usage(uuid, integer, bigint)
-- Brings uses that were recorded while somebody else held their pattern's row into patterns.usage_count, at most
-- p_limit of them; counted says how many. Any number may call it at once: each takes uses that no other has taken, and
-- patterns are locked in one order. Index: ix_pattern_usage_uncounted.
CREATE OR REPLACE PROCEDURE count_pattern_usage(p_organization uuid, p_limit integer, INOUT counted bigint DEFAULT 0)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  WITH batch AS (
    SELECT u.organization_id, u.id, u.timestamp, u.pattern_id FROM pattern_usage u
    WHERE u.organization_id = p_organization AND NOT u.is_counted
    LIMIT p_limit FOR UPDATE SKIP LOCKED
  ), marked AS (
    UPDATE pattern_usage u SET is_counted = true FROM batch b
    WHERE u.organization_id = p_organization AND u.id = b.id AND u.timestamp = b.timestamp
    RETURNING u.pattern_id
  ), uses AS (
    SELECT pattern_id, count(*) AS times FROM marked GROUP BY pattern_id
  ), held AS MATERIALIZED (
    SELECT p.id, uses.times FROM patterns p JOIN uses ON uses.pattern_id = p.id
    WHERE p.organization_id = p_organization ORDER BY p.id FOR NO KEY UPDATE OF p
  ), changed AS (
    UPDATE patterns p SET usage_count = p.usage_count + held.times FROM held
    WHERE p.organization_id = p_organization AND p.id = held.id
    RETURNING held.times
  )
  SELECT coalesce(sum(times), 0) INTO counted FROM changed;
END $$;

-- object: procedure recompute_pattern_accuracy(uuid, timestamp with time zone, integer, bigint)
-- Sets the accuracy of each of an organisation's patterns to the share of its runs since p_since that succeeded;
-- patterns with fewer than p_minimum runs keep theirs, and so does a row that would not change. changed says how many
-- did. One statement for all patterns (REQ-T147); they are locked in one order. Index: ix_pattern_metrics_pattern.
CREATE OR REPLACE PROCEDURE recompute_pattern_accuracy(
  p_organization uuid, p_since timestamptz, p_minimum integer, INOUT changed bigint DEFAULT 0
) LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  WITH measured AS (
    SELECT m.pattern_id, round(avg(m.success::int), 2) AS accuracy FROM pattern_metrics m
    WHERE m.organization_id = p_organization AND m.created_at >= p_since
    GROUP BY m.pattern_id HAVING count(*) >= p_minimum
  ), held AS MATERIALIZED (
    SELECT p.id, measured.accuracy FROM patterns p JOIN measured ON measured.pattern_id = p.id
    WHERE p.organization_id = p_organization AND p.deleted_at IS NULL
      AND p.accuracy IS DISTINCT FROM measured.accuracy
    ORDER BY p.id FOR NO KEY UPDATE OF p
  )
  UPDATE patterns p SET accuracy = held.accuracy FROM held
  WHERE p.organization_id = p_organization AND p.id = held.id;
  GET DIAGNOSTICS changed = ROW_COUNT;
END $$;
