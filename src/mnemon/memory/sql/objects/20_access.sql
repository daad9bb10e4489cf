-- object: function update_memory_access(uuid[])
-- Counts an access of each memory in the list; a memory listed twice counts twice (seed 002 FR-6).
CREATE OR REPLACE FUNCTION update_memory_access(p_ids uuid[]) RETURNS integer LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE changed integer;
BEGIN
  UPDATE memories m
  SET access_count = m.access_count + n.times, last_accessed_at = now()
  FROM (SELECT id, count(*) AS times FROM unnest(p_ids) AS u(id) GROUP BY id ORDER BY id) n
  WHERE m.organization_id = current_tenant() AND m.id = n.id;
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END $$;
