-- object: function refresh_planner_statistics()
-- Analyses what recall reads of the present tenant and sorts in what its full-text index has waiting, where many rows
-- changed since the last time: right after a large import the planner would believe the tables empty. SECURITY DEFINER, because only an owner may analyse a table.
CREATE OR REPLACE FUNCTION refresh_planner_statistics() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  tenant uuid := current_tenant();
  part regclass;
  done integer := 0;
BEGIN
  FOR part IN
    SELECT p FROM (
      SELECT (SELECT tableoid FROM messages WHERE organization_id = tenant LIMIT 1)
      UNION ALL SELECT (SELECT tableoid FROM memories WHERE organization_id = tenant LIMIT 1)
      UNION ALL SELECT 'conversation_sessions'::regclass
      UNION ALL SELECT 'recall_terms'::regclass
      UNION ALL SELECT 'participant_names'::regclass
    ) AS t(p)
    JOIN pg_class c ON c.oid = t.p
    LEFT JOIN pg_stat_all_tables s ON s.relid = t.p
    WHERE c.reltuples < 0 OR coalesce(s.n_mod_since_analyze, 0) > 500 + 0.1 * c.reltuples
  LOOP
    EXECUTE format('ANALYZE %s', part);
    -- New postings wait in a list that every full-text search reads from end to end until somebody sorts them in.
    PERFORM gin_clean_pending_list(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
    WHERE i.indrelid = part AND a.amname = 'gin';
    done := done + 1;
  END LOOP;
  RETURN done;
END $$;
REVOKE ALL ON FUNCTION refresh_planner_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_planner_statistics() TO mnemon_app;
