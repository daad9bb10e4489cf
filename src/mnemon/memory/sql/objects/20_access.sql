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

-- object: function count_accesses(uuid[])
-- The same for those of the list that nobody else is changing, and returns the others: they are counted another time, and
-- neither does the counting wait for anybody nor anybody for long for it.
CREATE OR REPLACE FUNCTION count_accesses(p_ids uuid[]) RETURNS uuid[] LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE held uuid[];
BEGIN
  WITH n AS MATERIALIZED (
    SELECT u.id, count(*) AS times FROM unnest(p_ids) AS u(id) GROUP BY u.id
  ), free AS MATERIALIZED (
    SELECT m.id FROM memories m
    WHERE m.organization_id = current_tenant() AND m.id = ANY (p_ids)
    FOR NO KEY UPDATE SKIP LOCKED
  ), counted AS (
    UPDATE memories m SET access_count = m.access_count + n.times, last_accessed_at = now()
    FROM n JOIN free USING (id)
    WHERE m.organization_id = current_tenant() AND m.id = n.id
  )
  SELECT array_agg(u.id) INTO held FROM unnest(p_ids) AS u(id)
  WHERE NOT EXISTS (SELECT FROM free WHERE free.id = u.id)
    AND EXISTS (SELECT FROM memories m WHERE m.organization_id = current_tenant() AND m.id = u.id);
  RETURN coalesce(held, '{}');
END $$;
