-- object: function reconstruct_memory_at(uuid, timestamp with time zone)
-- A memory as it was at a moment, from its log (seed 002 FR-6): one row, or none before it was recorded. The log
-- outlives the memory, so this still answers when the memory itself is gone.
CREATE OR REPLACE FUNCTION reconstruct_memory_at(p_memory_id uuid, p_timestamp timestamptz)
RETURNS TABLE (
  memory_id uuid, content text, importance integer, tier text, status text, is_forgotten boolean, superseded_by uuid,
  recorded_at timestamptz, changed_at timestamptz, changed_by text, reason text, changes bigint
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE tenant uuid := current_tenant();
BEGIN
  RETURN QUERY
  WITH log AS (
    SELECT l.*, row_number() OVER newest AS place, count(*) OVER () AS steps, min(l.created_at) OVER () AS begun
    FROM memory_log l
    WHERE l.organization_id = tenant AND l.memory_id = p_memory_id AND l.created_at <= p_timestamp
    WINDOW newest AS (ORDER BY l.created_at DESC, (l.action = 'created'))
  )
  SELECT p_memory_id, n.new_content, n.new_importance, n.new_tier::text, n.new_status::text,
    coalesce((SELECT f.action = 'forgotten' FROM log f WHERE f.action IN ('forgotten', 'restored')
              ORDER BY f.place LIMIT 1), false),
    (SELECT s.related_memory_ids[1] FROM log s WHERE s.action = 'superseded' ORDER BY s.place LIMIT 1),
    n.begun, n.created_at, n.changed_by, n.reason, n.steps - 1
  FROM log n WHERE n.place = 1;
END $$;
