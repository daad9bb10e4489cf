-- object: function check_workflow_graph()
-- A workflow's steps have names of their own, its dependencies name steps, and no step waits for itself in the end.
-- The schema says so first and in more words; this holds whoever writes.
CREATE OR REPLACE FUNCTION check_workflow_graph() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  names text[];
  left_over text[];
  ready text[];
BEGIN
  -- What is no array or no object is for the table's own constraints to refuse.
  IF jsonb_typeof(NEW.steps) <> 'array' OR jsonb_typeof(NEW.dependencies) <> 'object' THEN
    RETURN NEW;
  END IF;
  SELECT array_agg(CASE WHEN jsonb_typeof(s.step -> 'name') = 'string' THEN s.step ->> 'name' END) INTO names
  FROM jsonb_array_elements(NEW.steps) AS s(step);
  IF array_position(names, NULL) IS NOT NULL OR array_position(names, '') IS NOT NULL
     OR cardinality(names) > (SELECT count(DISTINCT n) FROM unnest(names) AS n) THEN
    RAISE EXCEPTION 'each step needs a name of its own'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_workflows_steps', TABLE = 'workflows';
  END IF;
  IF EXISTS (
    SELECT FROM jsonb_each(NEW.dependencies) AS d WHERE jsonb_typeof(d.value) <> 'array' OR d.key <> ALL (names)
  ) OR EXISTS (
    SELECT FROM jsonb_each(NEW.dependencies) AS d,
      jsonb_array_elements(CASE jsonb_typeof(d.value) WHEN 'array' THEN d.value ELSE '[]' END) AS n(needed)
    WHERE jsonb_typeof(n.needed) <> 'string' OR n.needed #>> '{}' <> ALL (names)
  ) THEN
    RAISE EXCEPTION 'dependencies name something that is no step'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_workflows_dependencies', TABLE = 'workflows';
  END IF;
  -- Take away what waits for nothing that is left, until nothing is left or nothing can be taken away.
  left_over := names;
  LOOP
    SELECT array_agg(n) INTO ready FROM unnest(left_over) AS n
    WHERE NOT EXISTS (
      SELECT FROM jsonb_array_elements_text(coalesce(NEW.dependencies -> n, '[]')) AS needed
      WHERE needed = ANY (left_over)
    );
    EXIT WHEN ready IS NULL;
    SELECT array_agg(n) INTO left_over FROM unnest(left_over) AS n WHERE n <> ALL (ready);
    EXIT WHEN left_over IS NULL;
  END LOOP;
  IF left_over IS NOT NULL THEN
    RAISE EXCEPTION 'some steps wait for each other in a circle'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_workflows_dependencies', TABLE = 'workflows';
  END IF;
  RETURN NEW;
END $$;

-- object: function check_workflow_status()
-- A definition goes forward only: draft, active, archived; what runs or ran is not rewritten. The error's class is that
-- of an integrity rule: it is the row's present state that stands against the change.
CREATE OR REPLACE FUNCTION check_workflow_status() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF (OLD.status, NEW.status) NOT IN (('draft', 'active'), ('draft', 'archived'), ('active', 'archived'))
     AND OLD.status <> NEW.status
     AND NEW.status IN ('draft', 'active', 'archived') THEN
    RAISE EXCEPTION 'a workflow does not go from % to %', OLD.status, NEW.status
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ck_workflows_status', TABLE = 'workflows';
  END IF;
  IF OLD.status <> 'draft' AND (OLD.steps, OLD.dependencies) IS DISTINCT FROM (NEW.steps, NEW.dependencies) THEN
    RAISE EXCEPTION 'the steps of a workflow that is % are not changed', OLD.status
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ck_workflows_steps', TABLE = 'workflows';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER check_graph BEFORE INSERT OR UPDATE OF steps, dependencies ON workflows
  FOR EACH ROW EXECUTE FUNCTION check_workflow_graph();
CREATE OR REPLACE TRIGGER check_status BEFORE UPDATE ON workflows FOR EACH ROW
  WHEN (OLD.status <> NEW.status OR OLD.steps IS DISTINCT FROM NEW.steps
        OR OLD.dependencies IS DISTINCT FROM NEW.dependencies)
  EXECUTE FUNCTION check_workflow_status();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON workflows FOR EACH ROW EXECUTE FUNCTION touch_row();

-- object: function check_execution_status()
-- pending, running, then completed, failed or cancelled; what has not begun may be cancelled; what has ended stays as
-- it is. The end's time is set if it is not given.
CREATE OR REPLACE FUNCTION check_execution_status() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.status IN ('pending', 'running', 'completed', 'failed', 'cancelled')
     AND (OLD.status, NEW.status) NOT IN (
       ('pending', 'running'), ('pending', 'cancelled'),
       ('running', 'completed'), ('running', 'failed'), ('running', 'cancelled')) THEN
    RAISE EXCEPTION 'an execution does not go from % to %', OLD.status, NEW.status
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ck_workflow_executions_status',
        TABLE = 'workflow_executions';
  END IF;
  IF NEW.status IN ('completed', 'failed', 'cancelled') THEN
    NEW.completed_at := coalesce(NEW.completed_at, greatest(now(), NEW.started_at));
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER check_status BEFORE UPDATE ON workflow_executions FOR EACH ROW
  WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION check_execution_status();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON workflow_executions FOR EACH ROW EXECUTE FUNCTION touch_row();
