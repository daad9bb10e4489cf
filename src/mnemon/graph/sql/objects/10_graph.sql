-- object: function name_entity()
-- Keeps the names by which a living entity is found: its own and its aliases, in lower case.
CREATE OR REPLACE FUNCTION name_entity() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    DELETE FROM entity_names WHERE organization_id = OLD.organization_id AND entity_id = OLD.id;
  END IF;
  IF NEW.deleted_at IS NULL THEN
    INSERT INTO entity_names (organization_id, name, entity_id)
    SELECT DISTINCT NEW.organization_id, lower(n.name), NEW.id
    FROM unnest(NEW.aliases || NEW.name::text) AS n(name)
    WHERE n.name <> ''
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER name_new AFTER INSERT ON entities FOR EACH ROW EXECUTE FUNCTION name_entity();
CREATE OR REPLACE TRIGGER name_changed AFTER UPDATE ON entities FOR EACH ROW
  WHEN (OLD.name <> NEW.name OR OLD.aliases <> NEW.aliases OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
  EXECUTE FUNCTION name_entity();

-- Being seen or mentioned is bookkeeping: it changes no version, or every mention would be a lost update to somebody.
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON entities FOR EACH ROW
  WHEN ((OLD.user_id, OLD.entity_type, OLD.name, OLD.aliases, OLD.description, OLD.metadata, OLD.deleted_at)
        IS DISTINCT FROM
        (NEW.user_id, NEW.entity_type, NEW.name, NEW.aliases, NEW.description, NEW.metadata, NEW.deleted_at))
  EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON entity_relationships FOR EACH ROW EXECUTE FUNCTION touch_row();
