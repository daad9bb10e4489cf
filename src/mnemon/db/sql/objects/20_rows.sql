-- object: function touch_row()
-- Every update of a mutable row: updated_at is now, version grows by one, the tenant and the id stay.
CREATE OR REPLACE FUNCTION touch_row() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.updated_at := now();
  NEW.version := OLD.version + 1;
  NEW.created_at := OLD.created_at;
  RETURN NEW;
END $$;

-- object: function refuse_change()
-- For append-only tables: what is written stays as it was written.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- object: function soften_delete()
-- A DELETE by the application is a soft delete (REQ-T105): the row gets its deleted_at, as if the repository had done
-- it, and stays; the statement reports no rows. Only who owns the table removes rows for good: erasure, retention and
-- the cascades of foreign keys, which PostgreSQL runs as the owner.
-- The update goes to the table that the partition belongs to, which is where the application's rights and policies are.
CREATE OR REPLACE FUNCTION soften_delete() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
    RETURN OLD;
  END IF;
  EXECUTE format('UPDATE %s SET deleted_at = now() WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL',
    coalesce(pg_partition_root(TG_RELID), TG_RELID)) USING OLD.organization_id, OLD.id;
  RETURN NULL;
END $$;

-- object: function refuse_move()
-- A row stays with its tenant, and in its partition. PostgreSQL moves a row between partitions by deleting and
-- inserting it, and soften_delete() would take that for a deletion.
CREATE OR REPLACE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'a row of % stays in its organisation and its partition', TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;
