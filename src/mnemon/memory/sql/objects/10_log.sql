-- object: function log_new_memories()
-- Writes the log of new memories, once per statement.
CREATE OR REPLACE FUNCTION log_new_memories() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO memory_log (organization_id, memory_id, action, new_content, new_importance, new_tier, new_status,
                          changed_by, reason, conversation_id, related_memory_ids, created_at)
  SELECT organization_id, id, 'created', content, importance, tier, status, current_actor(),
         nullif(current_setting('app.reason', true), ''), conversation_id, related_to, created_at
  FROM added;
  RETURN NULL;
END $$;

-- object: function log_memory_change()
-- Writes the log of a changed memory: what it was, what it is, who, why.
CREATE OR REPLACE FUNCTION log_memory_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE what text := 'updated';
BEGIN
  IF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN what := 'forgotten';
  ELSIF OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN what := 'restored';
  ELSIF OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL THEN what := 'superseded';
  ELSIF OLD.confirmed <> NEW.confirmed THEN what := 'confirmed';
  END IF;
  INSERT INTO memory_log (organization_id, memory_id, action, old_content, new_content, old_importance,
                          new_importance, old_tier, new_tier, old_status, new_status, changed_by, reason,
                          conversation_id, related_memory_ids, created_at)
  VALUES (NEW.organization_id, NEW.id, what, OLD.content, NEW.content, OLD.importance, NEW.importance,
          OLD.tier, NEW.tier, OLD.status, NEW.status, current_actor(),
          nullif(current_setting('app.reason', true), ''), NEW.conversation_id,
          CASE WHEN NEW.superseded_by IS NULL THEN '{}' ELSE ARRAY[NEW.superseded_by] END, clock_timestamp());
  RETURN NULL;
END $$;

-- object: function refuse_overwrite()
-- Content is never overwritten: a correction is a new memory that supersedes the old one.
CREATE OR REPLACE FUNCTION refuse_overwrite() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the content of a memory is never overwritten: supersede it'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_memories_content_immutable', TABLE = 'memories';
END $$;

-- object: function refuse_supersession_cycle()
-- A correction is not corrected by what it corrects. Two changes that would close a circle together meet at the rows
-- that they lock: one of them has to try again.
CREATE OR REPLACE FUNCTION refuse_supersession_cycle() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE later uuid := NEW.superseded_by;
BEGIN
  WHILE later IS NOT NULL LOOP
    IF later = NEW.id THEN
      RAISE EXCEPTION 'a memory cannot supersede itself'
        USING ERRCODE = 'check_violation', TABLE = 'memories', CONSTRAINT = 'ck_memories_superseded_by';
    END IF;
    SELECT m.superseded_by INTO later FROM memories m
    WHERE m.organization_id = NEW.organization_id AND m.id = later FOR SHARE;
  END LOOP;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER refuse_supersession_cycle BEFORE INSERT OR UPDATE OF superseded_by ON memories FOR EACH ROW
  WHEN (NEW.superseded_by IS NOT NULL) EXECUTE FUNCTION refuse_supersession_cycle();

CREATE OR REPLACE TRIGGER log_created AFTER INSERT ON memories
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT WHEN (NOT importing()) EXECUTE FUNCTION log_new_memories();

CREATE OR REPLACE TRIGGER keep_content BEFORE UPDATE ON memories FOR EACH ROW
  WHEN (OLD.content IS DISTINCT FROM NEW.content) EXECUTE FUNCTION refuse_overwrite();

-- Access counts, index marks and languages found are bookkeeping: no version, no log. That it was said again is logged, and no version.
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON memories FOR EACH ROW
  WHEN (OLD.access_count = NEW.access_count AND OLD.confirmed = NEW.confirmed AND OLD.is_indexed = NEW.is_indexed
        AND OLD.embedding_status = NEW.embedding_status AND OLD.language IS NOT DISTINCT FROM NEW.language)
  EXECUTE FUNCTION touch_row();

-- Of the columns that an update may set, memory/columns.py has the list.
CREATE OR REPLACE TRIGGER log_changed AFTER UPDATE ON memories FOR EACH ROW
  WHEN (OLD.status <> NEW.status OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at
        OR OLD.superseded_at IS DISTINCT FROM NEW.superseded_at OR OLD.confirmed <> NEW.confirmed OR
  {memory_changed})
  EXECUTE FUNCTION log_memory_change();

-- object: function refuse_log_change()
-- What the log says stays as it was written, and goes by erasure or with its organisation alone: by the time a foreign
-- key's cascade comes here, that is gone.
CREATE OR REPLACE FUNCTION refuse_log_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' AND (current_setting('app.erasing', true) = OLD.organization_id::text
      OR NOT EXISTS (SELECT FROM organizations WHERE id = OLD.organization_id)) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'memory_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON memory_log FOR EACH ROW
  EXECUTE FUNCTION refuse_log_change();
