-- Erasure, first part: what becomes of each column, and what is left. The steps are in 61, who may and the whole in 62.

-- object: function erasure_rules()
-- What erasure does beyond the cascades of foreign keys; the test of erasure holds it against the catalogue, so that a
-- new table cannot be forgotten. Nothing is found by a word: a row is reached by the id of a person, of a conversation,
-- or of a row that goes with them.
-- `remove`: rows whose column is the person's id go, they are the person's. `detach`: the row is the organisation's or
-- somebody else's, and only the reference goes. `follow`: handled by name in 61 and 62, since the column alone does not
-- decide. `about`: a row that is nobody's own goes if its document names what is erased as what it is about: at its top,
-- under the key of its kind (user_id, memory_id); anything else in it is cut. `whole`: the rows cannot be changed; those
-- that name what is erased go, and their sums stay. `keep`: nothing that a person said, or the organisation's; `why`.
-- Every other document is cut: an id of what is erased becomes the nil UUID, wherever it stands, and all else stays.
DROP FUNCTION IF EXISTS erasure_rules();
CREATE FUNCTION erasure_rules() RETURNS TABLE (table_name text, column_name text, rule text, why text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
  VALUES
    ('api_requests', 'user_id', 'remove', 'the log of what the person asked for'),
    ('error_logs', 'user_id', 'remove', 'messages may quote what the person wrote'),
    ('background_jobs', 'user_id', 'remove', 'work queued on their behalf'),
    ('job_schedules', 'user_id', 'remove', 'work repeated on their behalf'),
    ('messages', 'sender_id', 'follow', 'what they said'),
    ('messages', 'user_id', 'follow', 'what was said for them'),
    ('memory_facts', 'user_id', 'follow', 'what is known of them'),
    ('agents', 'user_id', 'follow', 'an agent of theirs alone goes; a team''s stays'),
    ('background_jobs', 'agent_id', 'follow', 'work of an agent that goes'),
    ('job_schedules', 'agent_id', 'follow', 'work of an agent that goes'),
    ('participant_names', 'agent_id', 'follow', 'names of an agent that goes'),
    ('conversations', 'user_id', 'follow', 'goes if nobody else is left in it'),
    ('conversations', 'created_by', 'follow', 'goes if nobody else is left in it'),
    ('memories', 'conversation_id', 'follow', 'goes with its conversation, unless it is somebody else''s'),
    ('memory_log', 'memory_id', 'follow', 'goes with its memory'),
    ('entity_mentions', 'source_id', 'follow', 'goes with what mentioned it'),
    ('audit_logs', 'user_id', 'follow', 'blanked, not removed'),
    ('recall_terms', 'lexeme', 'follow', 'counted down, and goes when no indexed text has the word any more'),
    ('recall_statistics', 'indexed', 'follow', 'counted down'),
    ('conversation_sessions', 'term_count', 'follow', 'counted down where the conversation stays'),
    ('teams', 'owner_id', 'detach', 'the team is the organisation''s'),
    ('agents', 'created_by', 'detach', 'the agent is the organisation''s'),
    ('user_roles', 'granted_by', 'detach', 'the role is somebody else''s'),
    ('webhook_endpoints', 'created_by', 'detach', 'the endpoint is the organisation''s'),
    ('workflows', 'created_by', 'detach', 'the workflow is the organisation''s'),
    ('notifications', 'resource_id', 'detach', 'the notification is somebody else''s, with its words'),
    ('tasks', 'source_id', 'detach', 'the task is somebody else''s'),
    ('conversation_sessions', 'speaker_ids', 'detach', 'the session is the conversation''s'),
    ('memories', 'source_message_ids', 'detach', 'the memory has other evidence, or is somebody else''s'),
    ('memories', 'contradicts', 'detach', 'the memory is somebody else''s'),
    ('memories', 'related_to', 'detach', 'the memory is somebody else''s'),
    ('documents', 'context_memory_ids', 'detach', 'the document is somebody else''s'),
    ('memory_log', 'related_memory_ids', 'keep', 'never changed; the log of a memory that stays'),
    ('background_jobs', 'payload', 'about', 'work about what is gone; a person''s own jobs are theirs'),
    ('job_schedules', 'payload', 'about', 'work about what is gone; a person''s own schedules are theirs'),
    ('webhook_deliveries', 'payload', 'about', 'a copy of the row that goes, told elsewhere'),
    ('agent_metrics', 'metadata', 'whole', 'measurements are never changed'),
    ('system_metrics', 'metadata', 'whole', 'measurements are never changed'),
    ('organizations', NULL, 'keep', 'the organisation itself; goes with an erasure of the organisation'),
    ('document_templates', NULL, 'keep', 'templates of the organisation'),
    ('metric_partials', NULL, 'keep', 'sums'), ('metric_rollups', NULL, 'keep', 'sums'),
    ('roles', NULL, 'keep', 'the organisation''s'), ('permissions', NULL, 'keep', 'the installation''s'),
    ('role_permissions', NULL, 'keep', 'the organisation''s'),
    ('partition_policies', NULL, 'keep', 'the installation''s'),
    ('upkeep_locks', NULL, 'keep', 'the installation''s'),
    ('import_checkpoints', NULL, 'keep', 'how far a file was read, or it would be read again; its name is no id'),
    ('knowledge_items', NULL, 'keep', 'the organisation''s; those of an agent that goes go by a cascade'),
    ('patterns', NULL, 'keep', 'the organisation''s'),
    ('sign_in_attempts', NULL, 'keep', 'keyed hashes and counts, for a day'),
    ('audit_blocks', NULL, 'keep', 'hashes and ids')
$$;
REVOKE ALL ON FUNCTION erasure_rules() FROM PUBLIC;

-- object: function erasure_singular(text)
-- What a row of a table is called where a type is named: `memories` is `memory`, `users` is `user`.
CREATE OR REPLACE FUNCTION erasure_singular(p_table text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE p_table WHEN 'gmail_messages' THEN 'email' WHEN 'drive_files' THEN 'file'
    ELSE regexp_replace(regexp_replace(p_table, 'ies$', 'y'), 's$', '') END;
END;
REVOKE ALL ON FUNCTION erasure_singular(text) FROM PUBLIC;

-- object: function erasure_ids(jsonb)
-- The ids that a document has as whole strings, however deep, as values and as keys.
DROP FUNCTION IF EXISTS erasure_names(jsonb, text[]);
CREATE OR REPLACE FUNCTION erasure_ids(p_document jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT DISTINCT m[1]
  FROM regexp_matches(p_document::text, '"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"', 'g') m;
END;
REVOKE ALL ON FUNCTION erasure_ids(jsonb) FROM PUBLIC;

-- object: function erasure_documents()
-- Every document of the organisations' tables that erasure looks into, and by which column its rows are theirs.
CREATE OR REPLACE FUNCTION erasure_documents() RETURNS TABLE (table_name text, column_name text, tenant_column text)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.relname::text, a.attname::text, o.attname::text
  FROM pg_class r
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'jsonb'::regtype
  JOIN pg_attribute o ON o.attrelid = r.oid
    AND o.attname = CASE r.relname WHEN 'organizations' THEN 'id' ELSE 'organization_id' END
  WHERE r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p') AND NOT r.relispartition
    AND r.relname <> 'audit_logs'
  ORDER BY 1, 2
$$;
REVOKE ALL ON FUNCTION erasure_documents() FROM PUBLIC;

-- object: function erasure_remains(uuid)
-- How many rows of the tenant still name this id, in any column of any table or summary that can; the trail counts only
-- where it still says what the person did or what was done to the subject. A document names an id as a whole string, a
-- reference to rows of another kind is none. Columns of text that the planner might keep samples of are told as
-- pg_statistic: see hide_from_statistics(). Nothing is left when it returns no row.
CREATE OR REPLACE FUNCTION erasure_remains(p_id uuid) RETURNS TABLE (table_name text, column_name text, remaining bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tenant uuid := current_tenant();
  subjects text[] := ARRAY['users', 'user', 'conversations', 'conversation', 'organizations', 'organization'];
  place record;
  counted bigint;
BEGIN
  FOR place IN
    SELECT r.relname::text AS name, a.attname::text AS pointer, format_type(a.atttypid, NULL) AS kind,
      -- Beside a reference that may be to rows of any kind stands of which.
      (SELECT t.attname::text FROM pg_attribute t WHERE t.attrelid = r.oid AND NOT t.attisdropped
       AND a.attname IN ('resource_id', 'source_id') AND t.attname = replace(a.attname, '_id', '_type')) AS typed
    FROM pg_class r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p', 'm') AND NOT r.relispartition
      AND r.relname NOT IN ('audit_logs', 'audit_blocks')
      AND (a.attname <> 'id' OR r.relname IN ('users', 'conversations', 'organizations'))
      AND EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = r.oid
                  AND o.attname = CASE r.relname WHEN 'organizations' THEN 'id' ELSE 'organization_id' END)
      AND format_type(a.atttypid, NULL) IN ('uuid', 'uuid[]', 'jsonb')
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = r.oid AND c.contype = 'f'
                      AND a.attnum = ANY (c.conkey) AND a.attname <> 'organization_id'
                      AND c.confrelid NOT IN ('users'::regclass, 'conversations'::regclass, 'organizations'::regclass))
    ORDER BY 1, 2
  LOOP
    EXECUTE format('SELECT count(*) FROM %I WHERE %I = $1 AND %s', place.name,
        CASE place.name WHEN 'organizations' THEN 'id' ELSE 'organization_id' END,
        CASE place.kind
          WHEN 'uuid' THEN format('%I = $2', place.pointer)
          WHEN 'uuid[]' THEN format('$2 = ANY (%I)', place.pointer)
          ELSE format('strpos(%I::text, ''"'' || $2::text || ''"'') > 0', place.pointer) END
        || CASE WHEN place.typed IS NULL THEN '' ELSE format(' AND %I = ANY ($3)', place.typed) END)
      INTO counted USING tenant, p_id, subjects;
    IF counted > 0 THEN RETURN QUERY SELECT place.name, place.pointer, counted; END IF;
  END LOOP;
  SELECT count(*) INTO counted FROM audit_logs a
  WHERE a.organization_id = tenant AND a.action <> 'erasure' AND NOT a.metadata ? 'erased'
    AND (a.user_id = p_id OR p_id = tenant OR a.resource_id = p_id::text
         AND a.resource_type = ANY (subjects));
  IF counted > 0 THEN RETURN QUERY SELECT 'audit_logs', 'old_value', counted; END IF;
  RETURN QUERY SELECT 'pg_statistic', s.relation || '.' || s.column_name, 1::bigint FROM sampled_texts() s;
END $$;
REVOKE ALL ON FUNCTION erasure_remains(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erasure_remains(uuid) TO mnemon_app;
