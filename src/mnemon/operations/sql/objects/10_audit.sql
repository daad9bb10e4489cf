-- object: function audit_secret(text)
-- Whether a column or a key of this name holds what no trail may keep.
CREATE OR REPLACE FUNCTION audit_secret(p_name text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT p_name ~* ('passw(or)?d|passphrase|secret|credential|private_?key|api_?key$|bearer|cipher|encrypted|signature'
    || '|otp|(^|_)pin$|(recovery|backup|verification|mfa|sms)_?codes?|(^|_)hash(es)?$|hashed|token(s|_value)?$')
    AND p_name !~* '^(total_.*|max_.*|input_|output_)tokens$';
END;

-- object: function audit_redact(jsonb)
-- The same value without secrets, however deep they are: that there is one can be seen, what it is cannot.
CREATE OR REPLACE FUNCTION audit_redact(p_value jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- Most rows have nothing of the kind: one look at the whole is cheaper than one at each key.
  IF p_value::text !~* ('passw|passphr|secret|credent|private_?key|api_?key|bearer|cipher|encr|signat|otp|hash|token'
    || '|(pin|codes?)":') THEN
    RETURN p_value;
  ELSIF jsonb_typeof(p_value) = 'object' THEN
    RETURN (
      SELECT coalesce(jsonb_object_agg(e.key, CASE
        WHEN jsonb_typeof(e.value) IN ('null', 'boolean') THEN e.value
        WHEN audit_secret(e.key) THEN '"(not kept)"'
        WHEN jsonb_typeof(e.value) IN ('object', 'array') AND e.value NOT IN ('{}', '[]') THEN audit_redact(e.value)
        ELSE e.value END), '{}')
      FROM jsonb_each(p_value) e);
  ELSIF jsonb_typeof(p_value) = 'array' AND jsonb_path_exists(p_value, '$[*] ? (@.type() == "object")') THEN
    RETURN (SELECT jsonb_agg(audit_redact(e.value) ORDER BY e.place)
            FROM jsonb_array_elements(p_value) WITH ORDINALITY e(value, place));
  END IF;
  RETURN p_value;
END $$;

-- object: function audit_resource_id(jsonb)
-- What a row is called in the trail: its id, or the ids it links.
CREATE OR REPLACE FUNCTION audit_resource_id(p_row jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(p_row ->> 'id', (
    SELECT string_agg(e.value, ':' ORDER BY e.key) FROM jsonb_each_text(p_row) e
    WHERE e.key ~ '_id$' AND e.key <> 'organization_id'));
END;

-- object: function audit_address()
-- Where the request came from, null where nobody said or it is no address: a trail never stops the work.
CREATE OR REPLACE FUNCTION audit_address() RETURNS inet LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE said text := nullif(current_setting('app.ip', true), '');
BEGIN
  IF said IS NULL THEN RETURN NULL; END IF;
  RETURN said::inet;
EXCEPTION WHEN invalid_text_representation THEN
  RETURN NULL;
END $$;

-- object: function audit_session()
-- The sign-in session of the request, null where there is none.
CREATE OR REPLACE FUNCTION audit_session() RETURNS uuid LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT CASE WHEN current_setting('app.session_id', true) ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
    THEN current_setting('app.session_id', true)::uuid END;
END;

-- object: function set_origin(text, text, text)
-- Tells the trail where this transaction's request came from. SET LOCAL, as set_tenant does and for its reason.
CREATE OR REPLACE FUNCTION set_origin(p_ip text, p_user_agent text DEFAULT NULL, p_session text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  EXECUTE format('SET LOCAL app.ip = %L', coalesce(p_ip, ''));
  EXECUTE format('SET LOCAL app.user_agent = %L', left(coalesce(p_user_agent, ''), 1000));
  EXECUTE format('SET LOCAL app.session_id = %L', coalesce(p_session, ''));
END $$;

-- object: function audit_write(text, text, uuid[], text[], jsonb[], jsonb[], text, text, jsonb, uuid)
-- Writes rows of the trail, one an element of the arrays: who and where from are the transaction's own. Returns the id
-- of one of them. Not for the application: see record_audit.
CREATE OR REPLACE FUNCTION audit_write(
  p_action text, p_resource_type text, p_organizations uuid[], p_resources text[], p_old jsonb[], p_new jsonb[],
  p_status text DEFAULT 'success', p_error text DEFAULT NULL, p_metadata jsonb DEFAULT '{}', p_user uuid DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = auto AS $$
DECLARE
  reason text := nullif(current_setting('app.reason', true), '');
  acting_user uuid := current_user_id();
  acting_agent uuid := current_agent_id();
  program text := nullif(current_setting('app.user_agent', true), '');
  session uuid := audit_session();
  address inet := audit_address();
  details jsonb := coalesce(p_metadata, '{}');
  made uuid;
BEGIN
  IF reason IS NOT NULL THEN details := details || jsonb_build_object('reason', reason); END IF;
  WITH written AS (
    INSERT INTO audit_logs (organization_id, action, resource_type, resource_id, old_value, new_value, status,
      error_message, user_id, agent_id, session_id, ip_address, user_agent, metadata)
    SELECT coalesce(e.organization_id, '00000000-0000-0000-0000-000000000000'), p_action, p_resource_type,
      left(e.resource_id, 255), coalesce(e.old_value, '{}'), coalesce(e.new_value, '{}'), p_status::audit_status,
      p_error, coalesce(acting_user, p_user), acting_agent, session, address, program, details
    FROM unnest(p_organizations, p_resources, p_old, p_new) AS e(organization_id, resource_id, old_value, new_value)
    RETURNING id
  )
  SELECT id INTO made FROM written LIMIT 1;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION audit_write(text, text, uuid[], text[], jsonb[], jsonb[], text, text, jsonb, uuid) FROM PUBLIC;

-- object: function audit_event_problem(text, text, jsonb, uuid)
-- Why an event may not be recorded by the application, null if it may. What triggers and functions of the owner write
-- must not be told by anybody else: that a row was changed, that something was erased, that retention took something.
-- That such a thing failed or was refused, services alone can tell.
CREATE OR REPLACE FUNCTION audit_event_problem(p_action text, p_status text, p_metadata jsonb, p_user uuid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  subject text := split_part(p_action, ':', 1);
  verb text := split_part(p_action, ':', 2);
  acting_user uuid := current_user_id();
  acting_agent uuid := current_agent_id();
BEGIN
  IF p_action IS NULL OR p_action !~ '^[a-z][a-z0-9_.-]*:[a-z][a-z0-9_.-]*$' THEN
    RETURN 'an event is resource:verb, in small letters';
  ELSIF subject ~ '^(erasure|retention|audit|trail)' OR verb ~ '^(erase|import|seal)' THEN
    RETURN 'the database alone records this';
  ELSIF p_status = 'success' AND verb IN ('create', 'update', 'delete', 'restore', 'insert', 'truncate') AND EXISTS (
    SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND c.relname = subject) THEN
    RETURN 'changes of rows are recorded by the database itself';
  ELSIF jsonb_typeof(coalesce(p_metadata, '{}')) <> 'object' OR p_metadata ?| ARRAY['erased', 'blanked', 'receipt',
    'seal', 'mac', 'claimed'] THEN
    RETURN 'metadata is an object, and these keys of it are the database''s own: erased, blanked, receipt, seal, mac, '
      'claimed';
  ELSIF p_user IS NOT NULL AND p_user IS DISTINCT FROM acting_user AND (
    acting_user IS NOT NULL OR acting_agent IS NOT NULL
    OR subject NOT IN ('sign_in', 'sessions', 'mfa', 'mfa_devices', 'passwords', 'user_credentials', 'oauth_tokens',
      'api_keys')) THEN
    RETURN 'a person is named by an event of signing in alone, while nobody is signed in';
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION audit_event_problem(text, text, jsonb, uuid) FROM PUBLIC;

-- object: function record_audit(text, text, text, text, text, jsonb, uuid)
-- What a service has to tell that no row change does: a sign-in, a refused access. The application may add to the
-- trail, in its own organisation or, without one, in the installation's; it can change nothing there, and say nothing
-- that the database says. A person that it names while nobody is signed in is marked as its claim.
CREATE OR REPLACE FUNCTION record_audit(
  p_action text, p_resource_type text DEFAULT NULL, p_resource_id text DEFAULT NULL, p_status text DEFAULT 'success',
  p_error text DEFAULT NULL, p_metadata jsonb DEFAULT '{}', p_user uuid DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  problem text := audit_event_problem(p_action, p_status, p_metadata, p_user);
  details jsonb := audit_redact(coalesce(p_metadata, '{}'));
BEGIN
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION 'this event is not recorded: %', problem USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF p_user IS NOT NULL AND current_user_id() IS NULL THEN
    details := details || '{"claimed": true}';
  END IF;
  RETURN audit_write(p_action, p_resource_type, ARRAY[current_tenant()],
    ARRAY[p_resource_id], ARRAY['{}'::jsonb], ARRAY['{}'::jsonb], p_status, p_error, details, p_user);
END $$;
REVOKE ALL ON FUNCTION record_audit(text, text, text, text, text, jsonb, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_audit(text, text, text, text, text, jsonb, uuid) TO mnemon_app;

-- object: function audit_row()
-- The trail of a table, by trigger (REQ-T106). New and deleted rows come by statement, however many there are; updates
-- by row, with the columns that changed. Arguments: `rows`, or `summary` for one entry a statement that counts the rows
-- and names the first hundred; then the columns whose change is bookkeeping. SECURITY DEFINER: the application can
-- write to the trail in no other way.
CREATE OR REPLACE FUNCTION audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  -- A distributed table's shard and a partition are that table.
  resource text := regexp_replace(TG_TABLE_NAME, '(_(\d{6,}|p\d{2}|default))+$', '');
  ignored text[] := ARRAY['updated_at', 'version', 'created_at', 'search_vector', 'embedding'] || TG_ARGV[1:];
  verb text := CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END;
  before jsonb;
  after jsonb;
  was jsonb;
  becomes jsonb;
  organizations uuid[];
  resources text[];
  said jsonb[];
  nothing jsonb[];
BEGIN
  IF TG_LEVEL = 'ROW' THEN
    before := to_jsonb(OLD) - ignored;
    after := to_jsonb(NEW) - ignored;
    IF before = after THEN RETURN NULL; END IF;
    SELECT jsonb_object_agg(n.key, o.value), jsonb_object_agg(n.key, n.value) INTO was, becomes
    FROM jsonb_each(after) n JOIN jsonb_each(before) o ON o.key = n.key WHERE n.value <> o.value;
    IF becomes ? 'deleted_at' THEN
      verb := CASE WHEN becomes ->> 'deleted_at' IS NULL THEN 'restore' ELSE 'delete' END;
    END IF;
    PERFORM audit_write(resource || ':' || verb, resource, ARRAY[audit_organization(resource, after)],
      ARRAY[audit_resource_id(after)], ARRAY[audit_redact(was)], ARRAY[audit_redact(becomes)]);
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' AND TG_ARGV[0] = 'summary' THEN
    SELECT array_agg(g.organization_id), array_agg(g.resource), array_agg(g.said) INTO organizations, resources, said
    FROM (SELECT a.organization_id, CASE WHEN count(*) = 1 THEN min(a.id::text) END AS resource,
            jsonb_build_object('rows', count(*), 'ids', to_jsonb((array_agg(a.id))[1:100])) AS said
          FROM added a GROUP BY a.organization_id) g;
  ELSIF TG_OP = 'INSERT' THEN
    SELECT array_agg(audit_organization(resource, a.row)), array_agg(audit_resource_id(a.row)),
      array_agg(audit_redact(jsonb_strip_nulls(a.row - ignored))) INTO organizations, resources, said
    FROM (SELECT to_jsonb(n) AS row FROM added n OFFSET 0) a;  -- OFFSET: made into JSON once, not once a use
  ELSIF TG_ARGV[0] = 'summary' THEN
    SELECT array_agg(g.organization_id), array_agg(g.resource), array_agg(g.said) INTO organizations, resources, said
    FROM (SELECT a.organization_id, CASE WHEN count(*) = 1 THEN min(a.id::text) END AS resource,
            jsonb_build_object('rows', count(*), 'ids', to_jsonb((array_agg(a.id))[1:100])) AS said
          FROM removed a GROUP BY a.organization_id) g;
  ELSE
    SELECT array_agg(audit_organization(resource, a.row)), array_agg(audit_resource_id(a.row)),
      array_agg(audit_redact(jsonb_strip_nulls(a.row - ignored))) INTO organizations, resources, said
    FROM (SELECT to_jsonb(n) AS row FROM removed n OFFSET 0) a;
  END IF;
  IF organizations IS NULL THEN RETURN NULL; END IF;
  nothing := array_fill('{}'::jsonb, ARRAY[cardinality(organizations)]);
  IF TG_OP = 'INSERT' THEN
    PERFORM audit_write(resource || ':' || verb, resource, organizations, resources, nothing, said);
  ELSE
    PERFORM audit_write(resource || ':' || verb, resource, organizations, resources, said, nothing);
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION audit_row() FROM PUBLIC;

-- object: function audit_organization(text, jsonb)
-- Whose trail a row belongs to: the installation's, if it is no organisation's.
CREATE OR REPLACE FUNCTION audit_organization(p_table text, p_row jsonb) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE p_table WHEN 'organizations' THEN p_row ->> 'id' ELSE p_row ->> 'organization_id' END::uuid;
END;

-- object: function audit_lasting_id(text)
-- What erasure leaves of the name of a thing: ids, and no name that a person gave.
CREATE OR REPLACE FUNCTION audit_lasting_id(p_resource text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN p_resource ~ '^[0-9a-f-]{36}(:[0-9a-f-]{36})*$' THEN p_resource END;
END;

-- object: function refuse_audit_change()
-- What the trail says stays as it was written. Erasure alone may blank a row: all that says what was done or from where
-- goes, all that says who, when and which table stays, with ids, and so does the hash that the chain has of it.
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE erased jsonb;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    erased := NEW.metadata -> 'erased';
    IF current_setting('app.erasing', true) = OLD.organization_id::text
      AND NOT OLD.metadata ? 'erased' AND OLD.action <> 'erasure'
      AND NEW.metadata = jsonb_build_object('erased', jsonb_build_object(
        'by', (erased ->> 'by')::uuid, 'hash', encode(audit_digest(OLD), 'hex')))
      AND NEW.old_value = '{}' AND NEW.new_value = '{}' AND NEW.error_message IS NULL AND NEW.ip_address IS NULL
      AND NEW.user_agent IS NULL AND NEW.resource_id IS NOT DISTINCT FROM audit_lasting_id(OLD.resource_id)
      AND (NEW.organization_id, NEW.id, NEW.created_at, NEW.transaction_id, NEW.user_id, NEW.agent_id,
           NEW.session_id, NEW.action, NEW.resource_type, NEW.status)
        IS NOT DISTINCT FROM
          (OLD.organization_id, OLD.id, OLD.created_at, OLD.transaction_id, OLD.user_id, OLD.agent_id,
           OLD.session_id, OLD.action, OLD.resource_type, OLD.status) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'audit_logs is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_logs FOR EACH ROW
  EXECUTE FUNCTION refuse_audit_change();
CREATE OR REPLACE TRIGGER append_only_all BEFORE TRUNCATE ON audit_logs FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();

-- object: function refuse_block_change()
-- Of a block nothing changes but that it gets its signature, once.
CREATE OR REPLACE FUNCTION refuse_block_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.mac IS NULL AND NEW.mac IS NOT NULL
      AND (NEW.organization_id, NEW.number, NEW.era, NEW.upper_transaction, NEW.previous_hash, NEW.hash, NEW.row_ids,
           NEW.row_hashes, NEW.row_times, NEW.row_kept_hashes, NEW.sealed_at)
        = (OLD.organization_id, OLD.number, OLD.era, OLD.upper_transaction, OLD.previous_hash, OLD.hash, OLD.row_ids,
           OLD.row_hashes, OLD.row_times, OLD.row_kept_hashes, OLD.sealed_at) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'audit_blocks is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_blocks FOR EACH ROW
  EXECUTE FUNCTION refuse_block_change();
CREATE OR REPLACE TRIGGER append_only_all BEFORE TRUNCATE ON audit_blocks FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_change();

-- object: function require_signature()
-- No block is committed without its signature: what nobody signed would look like what somebody forged.
CREATE OR REPLACE FUNCTION require_signature() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM audit_blocks b
             WHERE b.organization_id = NEW.organization_id AND b.number = NEW.number AND b.mac IS NULL) THEN
    RAISE EXCEPTION 'block % of the audit trail is not signed', NEW.number USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS signed ON audit_blocks;
CREATE CONSTRAINT TRIGGER signed AFTER INSERT ON audit_blocks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION require_signature();
