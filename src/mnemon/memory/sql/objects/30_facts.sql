-- object: function refuse_fact_change()
-- A fact is never overwritten: it is retracted, once, and what is known instead is recorded beside it.
CREATE OR REPLACE FUNCTION refuse_fact_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'a fact is never overwritten: retract it and record another'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_memory_facts_immutable', TABLE = 'memory_facts';
END $$;

CREATE OR REPLACE TRIGGER keep_fact BEFORE UPDATE ON memory_facts FOR EACH ROW
  WHEN (OLD.subject <> NEW.subject OR OLD.predicate <> NEW.predicate OR OLD.object <> NEW.object
        OR OLD.confidence <> NEW.confidence OR OLD.valid_from <> NEW.valid_from
        OR OLD.valid_until IS DISTINCT FROM NEW.valid_until OR OLD.recorded_at <> NEW.recorded_at
        OR (OLD.retracted_at IS NOT NULL AND OLD.retracted_at IS DISTINCT FROM NEW.retracted_at))
  EXECUTE FUNCTION refuse_fact_change();

-- object: view memory_tags
-- Every tag of the organisation's current memories with its use count (seed 002 FR-3.9): the array is the one place
-- for the truth. A text in parts counts once. It reads with the rights and the policies of whoever asks.
CREATE OR REPLACE VIEW memory_tags WITH (security_invoker = true) AS
  SELECT m.organization_id, t.tag, count(*) AS uses, max(m.created_at) AS last_used_at
  FROM memories m CROSS JOIN LATERAL unnest(m.tags) AS t(tag)
  WHERE m.deleted_at IS NULL AND m.superseded_at IS NULL AND m.status IN ('active', 'disputed')
    AND coalesce(m.part, 1) = 1
    AND (m.expires_at IS NULL OR m.expires_at > now())
  GROUP BY m.organization_id, t.tag;
GRANT SELECT ON memory_tags TO mnemon_app;
