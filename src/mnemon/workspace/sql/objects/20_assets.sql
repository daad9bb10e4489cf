CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON assets FOR EACH ROW EXECUTE FUNCTION touch_row();

-- object: function sweep_assets()
-- Files that go leave bytes in the store: a job of the same transaction removes those that no other file has. Of an
-- organisation that goes itself nobody is left to do it: the installation's own sweep finds them.
CREATE OR REPLACE FUNCTION sweep_assets() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE tenant uuid := current_tenant();
BEGIN
  PERFORM FROM organizations o WHERE o.id = tenant;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO background_jobs (organization_id, kind, payload, permissions)
    VALUES (tenant, 'workspace.sweep_assets', jsonb_build_object('objects', jsonb_build_array(OLD.object_id)),
      '{documents:delete}');
  ELSE
    INSERT INTO background_jobs (organization_id, kind, payload, permissions)
    SELECT tenant, 'workspace.sweep_assets', jsonb_build_object('objects', jsonb_agg(g.object_id)),
      '{documents:delete}'
    FROM (SELECT r.object_id, (row_number() OVER ()) / 1000 AS part FROM removed r) g
    GROUP BY g.part;
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION sweep_assets() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_assets() TO mnemon_app;
CREATE OR REPLACE TRIGGER sweep_removed AFTER DELETE ON assets REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION sweep_assets();
CREATE OR REPLACE TRIGGER sweep_deleted AFTER UPDATE OF deleted_at ON assets FOR EACH ROW
  WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION sweep_assets();
