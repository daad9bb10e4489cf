-- object: function guard_job()
-- A job is born queued and goes from state to state as it may; each step is noted in states, which nobody else writes.
CREATE OR REPLACE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'queued' THEN
      RAISE EXCEPTION 'a job begins as queued'
        USING ERRCODE = 'check_violation', TABLE = 'background_jobs', CONSTRAINT = 'ck_background_jobs_status';
    END IF;
    NEW.states := '[]';
    RETURN NEW;
  END IF;
  IF NEW.status = OLD.status THEN
    NEW.states := OLD.states;
    RETURN NEW;
  END IF;
  IF NOT (OLD.status = 'running'
      OR OLD.status = 'queued' AND NEW.status IN ('running', 'cancelled')
      OR OLD.status IN ('cancelled', 'dead') AND NEW.status = 'queued') THEN
    RAISE EXCEPTION 'a job that is % does not become %', OLD.status, NEW.status
      USING ERRCODE = 'check_violation', TABLE = 'background_jobs', CONSTRAINT = 'ck_background_jobs_status';
  END IF;
  NEW.states := CASE WHEN jsonb_array_length(OLD.states) >= 50 THEN OLD.states - 0 ELSE OLD.states END
    || jsonb_strip_nulls(jsonb_build_object(
      'at', clock_timestamp(), 'status', NEW.status, 'attempt', NEW.attempt,
      'worker', CASE WHEN NEW.status = 'running' THEN NEW.worker END,
      'code', CASE WHEN OLD.status = 'running' AND NEW.status IN ('queued', 'dead') THEN NEW.error_code END,
      'error', CASE WHEN OLD.status = 'running' AND NEW.status IN ('queued', 'dead') THEN left(NEW.last_error, 500) END
    ));
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER guard_insert BEFORE INSERT ON background_jobs FOR EACH ROW EXECUTE FUNCTION guard_job();
CREATE OR REPLACE TRIGGER guard_update BEFORE UPDATE ON background_jobs FOR EACH ROW
  WHEN (OLD.status <> NEW.status OR OLD.states <> NEW.states) EXECUTE FUNCTION guard_job();

-- object: function announce_job()
-- Wakes workers when the transaction commits: once for all it enqueued, and for jobs to be cancelled. Everybody who can
-- connect can listen, so it says nothing of whose job it is, or which.
CREATE OR REPLACE FUNCTION announce_job() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF EXISTS (SELECT FROM added WHERE run_at <= clock_timestamp()) THEN
      PERFORM pg_notify('mnemon_jobs', 'queued');
    END IF;
  ELSIF NEW.status = 'queued' THEN
    PERFORM pg_notify('mnemon_jobs', 'queued');
  ELSE
    PERFORM pg_notify('mnemon_jobs', 'cancel');
  END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER announce_insert AFTER INSERT ON background_jobs REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION announce_job();
CREATE OR REPLACE TRIGGER announce_update AFTER UPDATE ON background_jobs FOR EACH ROW
  WHEN (NEW.status = 'queued' AND OLD.status <> 'queued' AND NEW.run_at <= clock_timestamp()
    OR NEW.status = 'running' AND OLD.cancel_requested_at IS NULL AND NEW.cancel_requested_at IS NOT NULL)
  EXECUTE FUNCTION announce_job();
