-- object: function erasure_rules()
-- What erasure does beyond the cascades of foreign keys; the test of erasure holds it against the catalogue, so that a
-- new table cannot be forgotten. `remove`: rows whose column names the person go. `detach`: the row is the
-- organisation's, and only the reference goes. `follow`: handled by name in erase_subject(), since the column alone
-- does not decide. `mentions`: rows go that name anything erased inside a document. `keep`: the table holds nothing
-- that a person said, or what it holds is the organisation's; the reason is in `why`.
CREATE OR REPLACE FUNCTION erasure_rules() RETURNS TABLE (table_name text, column_name text, rule text, why text)
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
    ('conversations', 'user_id', 'follow', 'goes if nobody else is left in it'),
    ('conversations', 'created_by', 'follow', 'goes if nobody else is left in it'),
    ('memories', 'conversation_id', 'follow', 'goes with its conversation'),
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
    ('background_jobs', 'payload', 'mentions', ''), ('background_jobs', 'result', 'mentions', ''),
    ('job_schedules', 'payload', 'mentions', ''),
    ('webhook_deliveries', 'payload', 'mentions', ''),
    ('notifications', 'data', 'mentions', ''),
    ('agent_states', 'state_data', 'mentions', ''),
    ('agent_metrics', 'metadata', 'mentions', ''),
    ('error_logs', 'metadata', 'mentions', ''), ('api_requests', 'metadata', 'mentions', ''),
    ('knowledge_items', 'content', 'mentions', ''),
    ('knowledge_metrics', 'metadata', 'mentions', ''),
    ('learning_sessions', 'session_metrics', 'mentions', ''),
    ('pattern_usage', 'context', 'mentions', ''),
    ('patterns', 'pattern_data', 'mentions', ''), ('patterns', 'metadata', 'mentions', ''),
    ('workflow_executions', 'execution_data', 'mentions', ''),
    ('import_checkpoints', 'position', 'mentions', 'a file that has the name of the person loses it'),
    ('organizations', NULL, 'keep', 'the organisation itself; goes with an erasure of the organisation'),
    ('document_templates', NULL, 'keep', 'templates of the organisation'),
    ('metric_partials', NULL, 'keep', 'sums'), ('metric_rollups', NULL, 'keep', 'sums'),
    ('system_metrics', NULL, 'keep', 'measurements of machines'),
    ('roles', NULL, 'keep', 'the organisation''s'), ('permissions', NULL, 'keep', 'the installation''s'),
    ('role_permissions', NULL, 'keep', 'the organisation''s'),
    ('partition_policies', NULL, 'keep', 'the installation''s'),
    ('sign_in_attempts', NULL, 'keep', 'keyed hashes and counts, for a day'),
    ('audit_blocks', NULL, 'keep', 'hashes and ids')
$$;
REVOKE ALL ON FUNCTION erasure_rules() FROM PUBLIC;

-- object: function erasure_names(jsonb, text[])
-- Whether a document says one of these, however deep.
CREATE OR REPLACE FUNCTION erasure_names(p_document jsonb, p_said text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM jsonb_path_query(p_document, 'strict $.** ? (@.type() == "string")') v WHERE v #>> '{}' = ANY (p_said))
$$;

-- object: function erase_rows(text, text, uuid[])
-- Removes the tenant's rows whose column is one of the ids, and before them all that cascades from them; returns each
-- removed row, with a null id where the table has no such column. As the owner, within erase_subject() only.
CREATE OR REPLACE FUNCTION erase_rows(p_table text, p_column text, p_ids uuid[])
RETURNS TABLE (table_name text, id uuid) LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tenant uuid := current_tenant();
  doomed uuid[];
  child record;
  removed bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = p_table::regclass AND a.attname = 'id') THEN
    EXECUTE format('DELETE FROM %I WHERE organization_id = $1 AND %I = ANY ($2)', p_table, p_column)
      USING tenant, p_ids;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN QUERY SELECT p_table, NULL::uuid FROM generate_series(1, removed);
    RETURN;
  END IF;
  EXECUTE format('SELECT array_agg(id) FROM %I WHERE organization_id = $1 AND %I = ANY ($2)', p_table, p_column)
    INTO doomed USING tenant, p_ids;
  IF doomed IS NULL THEN RETURN; END IF;
  FOR child IN
    SELECT r.relname::text AS name, a.attname::text AS pointer
    FROM pg_constraint c
    JOIN pg_class r ON r.oid = c.conrelid
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) AND a.attname <> 'organization_id'
    WHERE c.contype = 'f' AND c.confdeltype = 'c' AND c.conparentid = 0 AND NOT r.relispartition
      AND c.confrelid = p_table::regclass
    UNION ALL
    SELECT 'agent_metrics', 'agent_id' WHERE p_table = 'agents'  -- by trigger, and counted here
  LOOP
    RETURN QUERY SELECT * FROM erase_rows(child.name, child.pointer, doomed);
  END LOOP;
  EXECUTE format('DELETE FROM %I WHERE organization_id = $1 AND id = ANY ($2)', p_table) USING tenant, doomed;
  RETURN QUERY SELECT p_table, unnest(doomed);
END $$;
REVOKE ALL ON FUNCTION erase_rows(text, text, uuid[]) FROM PUBLIC;

-- object: function erasure_remains(uuid)
-- How many rows of the tenant still name this id, in any column of any table that can; the trail counts only where it
-- still says what was done. Nothing is left when it returns no row.
CREATE OR REPLACE FUNCTION erasure_remains(p_id uuid) RETURNS TABLE (table_name text, column_name text, remaining bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tenant uuid := current_tenant();
  place record;
  counted bigint;
BEGIN
  FOR place IN
    SELECT r.relname::text AS name, a.attname::text AS pointer, format_type(a.atttypid, NULL) AS kind
    FROM pg_class r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p') AND NOT r.relispartition
      AND r.relname NOT IN ('audit_logs', 'audit_blocks') AND (r.relname <> 'organizations' OR a.attname = 'id')
      AND EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = r.oid
                  AND o.attname = CASE r.relname WHEN 'organizations' THEN 'id' ELSE 'organization_id' END)
      AND format_type(a.atttypid, NULL) IN ('uuid', 'uuid[]', 'jsonb')
    ORDER BY 1, 2
  LOOP
    EXECUTE format('SELECT count(*) FROM %I WHERE %I = $1 AND %s', place.name,
        CASE place.name WHEN 'organizations' THEN 'id' ELSE 'organization_id' END,
        CASE place.kind
          WHEN 'uuid' THEN format('%I = $2', place.pointer)
          WHEN 'uuid[]' THEN format('$2 = ANY (%I)', place.pointer)
          -- Looked at closely only where it has the id at all: most rows have not, and there may be many.
          ELSE format('strpos(%1$I::text, $2::text) > 0 AND erasure_names(%1$I, ARRAY[$2::text])', place.pointer) END)
      INTO counted USING tenant, p_id;
    IF counted > 0 THEN RETURN QUERY SELECT place.name, place.pointer, counted; END IF;
  END LOOP;
  SELECT count(*) INTO counted FROM audit_logs a
  WHERE a.organization_id = tenant AND a.action <> 'erasure' AND NOT a.metadata ? 'erased'
    AND (a.user_id = p_id OR p_id::text = ANY (string_to_array(a.resource_id, ':')) OR p_id = tenant
      OR strpos(a.old_value::text, p_id::text) > 0 AND erasure_names(a.old_value, ARRAY[p_id::text])
      OR strpos(a.new_value::text, p_id::text) > 0 AND erasure_names(a.new_value, ARRAY[p_id::text]));
  IF counted > 0 THEN RETURN QUERY SELECT 'audit_logs', 'old_value', counted; END IF;
END $$;
REVOKE ALL ON FUNCTION erasure_remains(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erasure_remains(uuid) TO mnemon_app;

-- object: function erase_trail(uuid, uuid, text[], boolean)
-- Blanks what the trail says of erased rows: who, when and which table stay, what and from where go. The hash that the
-- chain sealed stays in the row, so that verification goes on; returns the count and a digest of the blanked rows.
CREATE OR REPLACE FUNCTION erase_trail(
  p_receipt uuid, p_subject uuid, p_said text[], p_all boolean, OUT blanked bigint, OUT digest text
) LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE tenant uuid := current_tenant();
BEGIN
  -- Planned here and now: only an array that the planner sees is looked up by hash, and it may be long.
  EXECUTE $trail$
    WITH done AS (
      UPDATE audit_logs a SET old_value = '{}', new_value = '{}', error_message = NULL, ip_address = NULL,
        user_agent = NULL,
        resource_id = CASE WHEN a.resource_id ~ '^[0-9a-f-]{36}(:[0-9a-f-]{36})*$' THEN a.resource_id END,
        metadata = jsonb_build_object('erased',
          jsonb_build_object('by', $1, 'hash', encode(audit_digest(a), 'hex')))
      WHERE a.organization_id = $2 AND NOT a.metadata ? 'erased' AND a.action <> 'erasure'
        AND ($5 OR a.user_id = $3
          OR EXISTS (SELECT FROM unnest(string_to_array(a.resource_id, ':')) w WHERE w = ANY ($4))
          OR EXISTS (SELECT FROM jsonb_path_query(jsonb_build_array(a.old_value, a.new_value, a.metadata),
                       'strict $.** ? (@.type() == "string")') v WHERE v #>> '{}' = ANY ($4)))
      RETURNING a.id, audit_digest(a) AS hash
    )
    SELECT count(*), encode(sha256(coalesce(string_agg(d.hash, ''::bytea ORDER BY d.id), ''::bytea)), 'hex')
    FROM done d $trail$
  INTO blanked, digest USING p_receipt, tenant, p_subject, p_said, p_all;
END $$;
REVOKE ALL ON FUNCTION erase_trail(uuid, uuid, text[], boolean) FROM PUBLIC;

-- object: function erase_remnants(uuid[], text[])
-- What no foreign key ties to the erased rows: logs, mentions in the graph and in documents, arrays of ids. Returns the
-- removed rows.
CREATE OR REPLACE FUNCTION erase_remnants(p_ids uuid[], p_said text[])
RETURNS TABLE (table_name text, id uuid) LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tenant uuid := current_tenant();
  place record;
  found uuid[];
  named uuid[];
BEGIN
  RETURN QUERY SELECT * FROM erase_rows('memory_log', 'memory_id', p_ids);
  RETURN QUERY SELECT * FROM erase_rows('memory_log', 'conversation_id', p_ids);
  RETURN QUERY SELECT * FROM erase_rows('notifications', 'resource_id', p_ids);
  SELECT array_agg(DISTINCT m.entity_id) INTO named
  FROM entity_mentions m WHERE m.organization_id = tenant AND m.source_id IN (SELECT unnest(p_ids));
  RETURN QUERY SELECT * FROM erase_rows('entity_mentions', 'source_id', p_ids);
  UPDATE entity_relationships r SET context = NULL
  WHERE r.organization_id = tenant AND r.context IS NOT NULL
    AND r.source_entity_id IN (SELECT unnest(named)) AND r.target_entity_id IN (SELECT unnest(named));
  UPDATE entities e SET mention_count =
    (SELECT count(*) FROM entity_mentions m WHERE m.organization_id = tenant AND m.entity_id = e.id)
  WHERE e.organization_id = tenant AND e.id = ANY (named);
  SELECT array_agg(e.id) INTO found FROM entities e
  WHERE e.organization_id = tenant AND e.id = ANY (named) AND e.mention_count = 0;
  RETURN QUERY SELECT * FROM erase_rows('entities', 'id', found);
  FOR place IN SELECT r.table_name AS name, r.column_name AS document FROM erasure_rules() r WHERE r.rule = 'mentions' LOOP
    -- Written out and planned each time, so that a long array is looked up by hash.
    EXECUTE format('SELECT array_agg(id) FROM %1$I WHERE organization_id = $1 AND %2$I <> ''{}'' AND EXISTS ('
      'SELECT FROM jsonb_path_query(%2$I, ''strict $.** ? (@.type() == "string")'') v WHERE v #>> ''{}'' = ANY ($2))',
      place.name, place.document) INTO found USING tenant, p_said;
    RETURN QUERY SELECT * FROM erase_rows(place.name, 'id', found);
  END LOOP;
  FOR place IN
    SELECT r.relname::text AS name, a.attname::text AS list FROM pg_class r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.atttypid = 'uuid[]'::regtype AND NOT a.attisdropped
    WHERE r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p') AND NOT r.relispartition
      AND r.relname NOT IN ('audit_blocks', 'memory_log')
  LOOP
    EXECUTE format('UPDATE %1$I SET %2$I = ARRAY(SELECT u FROM unnest(%2$I) u WHERE u <> ALL ($2)) '
      'WHERE organization_id = $1 AND EXISTS (SELECT FROM unnest(%2$I) u WHERE u = ANY ($2))', place.name, place.list)
      USING tenant, p_ids;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION erase_remnants(uuid[], text[]) FROM PUBLIC;

-- object: function erase_words(text[], bigint[], bigint)
-- Takes from recall's counts what the erased rows had added to them: words with the numbers of indexed rows that had
-- them, and how many indexed rows there were. A word that no row has any more goes; returns how many went.
DROP FUNCTION IF EXISTS erase_words(text[]);  -- an earlier form
CREATE OR REPLACE FUNCTION erase_words(p_words text[], p_documents bigint[], p_rows bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  tenant uuid := current_tenant();
  removed bigint;
BEGIN
  -- In the order in which maintenance takes them, so that the two wait for each other and do not deadlock.
  PERFORM FROM recall_terms t WHERE t.organization_id = tenant AND t.lexeme IN (SELECT unnest(p_words))
  ORDER BY t.lexeme FOR UPDATE;
  DELETE FROM recall_terms t USING unnest(p_words, p_documents) w(lexeme, documents)
  WHERE t.organization_id = tenant AND t.lexeme = w.lexeme AND t.documents <= w.documents;
  GET DIAGNOSTICS removed = ROW_COUNT;
  UPDATE recall_terms t SET documents = t.documents - w.documents
  FROM unnest(p_words, p_documents) w(lexeme, documents)
  WHERE t.organization_id = tenant AND t.lexeme = w.lexeme;
  UPDATE recall_statistics r SET indexed = greatest(r.indexed - p_rows, 0), sessions = s.sessions,
    session_terms = s.terms, updated_at = now()
  FROM (SELECT count(*) AS sessions, coalesce(avg(l.term_count), 0) AS terms
        FROM (SELECT term_count FROM conversation_sessions WHERE organization_id = tenant
              ORDER BY number DESC LIMIT 1000) l) s
  WHERE r.organization_id = tenant;
  RETURN removed;
END $$;
REVOKE ALL ON FUNCTION erase_words(text[], bigint[], bigint) FROM PUBLIC;

-- object: function erase_from_sessions(uuid[], uuid[])
-- Takes from conversations that stay what messages that go had added to their counters and sessions, and the summary,
-- which tells what was said.
CREATE OR REPLACE FUNCTION erase_from_sessions(p_conversations uuid[], p_messages uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE tenant uuid := current_tenant();
BEGIN
  UPDATE conversations c SET summary = NULL WHERE c.organization_id = tenant AND c.id = ANY (p_conversations);
  UPDATE conversations c SET message_count = greatest(c.message_count - n.messages, 0),
    total_input_tokens = greatest(c.total_input_tokens - n.tokens_in, 0),
    total_output_tokens = greatest(c.total_output_tokens - n.tokens_out, 0)
  FROM (SELECT m.conversation_id, count(*) AS messages,
          coalesce(sum(m.token_count) FILTER (WHERE m.role <> 'assistant'), 0) AS tokens_in,
          coalesce(sum(m.token_count) FILTER (WHERE m.role = 'assistant'), 0) AS tokens_out
        FROM messages m WHERE m.organization_id = tenant AND m.id = ANY (p_messages) GROUP BY m.conversation_id) n
  WHERE c.organization_id = tenant AND c.id = n.conversation_id AND c.id = ANY (p_conversations);
  -- Not the number of a session's messages: it says which place in it is the next.
  UPDATE conversation_sessions s SET term_count = greatest(s.term_count - n.terms, 0)
  FROM (SELECT m.ordinal >> 16 AS number, sum(length(m.search_vector)) AS terms
        FROM messages m WHERE m.organization_id = tenant AND m.id = ANY (p_messages) GROUP BY 1) n
  WHERE s.organization_id = tenant AND s.number = n.number AND s.conversation_id = ANY (p_conversations);
END $$;
REVOKE ALL ON FUNCTION erase_from_sessions(uuid[], uuid[]) FROM PUBLIC;

-- object: function erase_subject(text, uuid)
-- Erases a person, a conversation or the whole organisation of the transaction's tenant: removed for good, in this
-- transaction. Returns {"id", "counts", "blanked", "digest"}; null if the tenant has no such subject.
CREATE OR REPLACE FUNCTION erase_subject(p_kind text, p_id uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  tenant uuid := current_tenant();
  receipt uuid := gen_random_uuid();
  person uuid := CASE p_kind WHEN 'user' THEN p_id END;
  talks uuid[];
  touched uuid[];
  said uuid[];
  kept uuid[];
  facts uuid[];
  personal uuid[];
  words text[];
  documents bigint[];
  indexed bigint;
  names text[];
  step record;
  tables text[] := '{}';
  ids uuid[] := '{}';
  more_tables text[];
  more_ids uuid[];
  counts jsonb;
  trail record;
  place record;
BEGIN
  IF tenant IS NULL THEN
    RAISE EXCEPTION 'no organisation is set' USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- Waits for whoever is writing about the subject, and keeps others from beginning to.
  IF p_kind = 'user' THEN
    PERFORM FROM users WHERE organization_id = tenant AND id = p_id FOR UPDATE;
  ELSIF p_kind = 'conversation' THEN
    PERFORM FROM conversations WHERE organization_id = tenant AND id = p_id FOR UPDATE;
  ELSIF p_kind = 'organization' AND p_id = tenant THEN
    PERFORM FROM organizations WHERE id = p_id FOR UPDATE;
  ELSE
    RETURN NULL;
  END IF;
  IF NOT FOUND THEN RETURN NULL; END IF;
  PERFORM set_config('app.erasing', tenant::text, true);
  IF p_kind = 'organization' THEN
    counts := '{}';
    FOR place IN
      SELECT r.relname::text AS name FROM pg_class r JOIN pg_attribute a ON a.attrelid = r.oid
      WHERE a.attname = 'organization_id' AND r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p')
        AND NOT r.relispartition AND r.relname NOT IN ('audit_logs', 'audit_blocks')
    LOOP
      EXECUTE format('SELECT $1 || coalesce((SELECT jsonb_build_object($2, count(*)) FROM %I WHERE organization_id = $3 '
        'HAVING count(*) > 0), ''{}'')', place.name) INTO counts USING counts, place.name, tenant;
    END LOOP;
    counts := counts || '{"organizations": 1}';
    DELETE FROM organizations WHERE id = tenant;
  ELSE
    SELECT coalesce(array_agg(m.id), '{}') INTO said FROM messages m
    WHERE m.organization_id = tenant AND person IS NOT NULL AND (m.sender_id = person OR m.user_id = person);
    -- Conversations with nobody else left, which hold nothing of anybody else's. Each list is made once: asked for each
    -- conversation, the messages of the organisation would be read as often as it has conversations.
    SELECT coalesce(array_agg(c.id), '{}') INTO talks FROM conversations c
    WHERE c.organization_id = tenant AND (c.id = p_id OR person IS NOT NULL
      AND (c.user_id = person OR c.created_by = person
        OR c.id IN (SELECT p.conversation_id FROM conversation_participants p
                    WHERE p.organization_id = tenant AND p.user_id = person)
        OR c.id IN (SELECT DISTINCT m.conversation_id FROM messages m
                    WHERE m.organization_id = tenant AND (m.sender_id = person OR m.user_id = person)))
      AND coalesce(c.user_id, person) = person
      AND c.id NOT IN (SELECT p.conversation_id FROM conversation_participants p
                       WHERE p.organization_id = tenant AND p.user_id <> person)
      AND c.id NOT IN (SELECT DISTINCT m.conversation_id FROM messages m
                       WHERE m.organization_id = tenant AND (m.sender_id <> person OR m.user_id <> person)));
    SELECT said || coalesce(array_agg(m.id), '{}') INTO said FROM messages m
    WHERE m.organization_id = tenant AND m.conversation_id = ANY (talks) AND m.id NOT IN (SELECT unnest(said));
    SELECT array_agg(DISTINCT m.conversation_id) INTO touched FROM messages m
    WHERE m.organization_id = tenant AND m.id = ANY (said) AND m.conversation_id NOT IN (SELECT unnest(talks));
    SELECT coalesce(array_agg(m.id), '{}') INTO kept FROM memories m
    WHERE m.organization_id = tenant AND (m.user_id = person
      OR (m.conversation_id IN (SELECT unnest(talks)) AND (person IS NULL OR m.user_id IS NULL))
      OR (m.source_message_ids <> '{}' AND NOT EXISTS (
            SELECT FROM unnest(m.source_message_ids) s WHERE s NOT IN (SELECT unnest(said)))));
    SELECT coalesce(array_agg(f.id), '{}') INTO facts FROM memory_facts f
    WHERE f.organization_id = tenant AND (f.user_id = person
      OR (f.source_message_id IS NOT NULL OR f.source_memory_id IS NOT NULL)
        AND coalesce(f.source_message_id IN (SELECT unnest(said)), true)
        AND coalesce(f.source_memory_id IN (SELECT unnest(kept)), true));
    SELECT coalesce(array_agg(a.id), '{}') INTO personal FROM agents a
    WHERE a.organization_id = tenant AND a.user_id = person AND a.team_id IS NULL;
    -- Held, so that maintenance passes over them: it would count words of theirs that are about to go.
    PERFORM FROM messages m WHERE m.organization_id = tenant AND m.id = ANY (said) FOR UPDATE;
    PERFORM FROM memories m WHERE m.organization_id = tenant AND m.id = ANY (kept) FOR UPDATE;
    WITH gone AS MATERIALIZED (
      SELECT m.search_vector FROM messages m WHERE m.organization_id = tenant AND m.id = ANY (said) AND m.is_indexed
      UNION ALL
      SELECT m.search_vector FROM memories m WHERE m.organization_id = tenant AND m.id = ANY (kept) AND m.is_indexed
    ), counted AS (
      SELECT w.lexeme, count(*) AS documents FROM gone, unnest(gone.search_vector) AS w GROUP BY w.lexeme
    )
    SELECT array_agg(c.lexeme), array_agg(c.documents), (SELECT count(*) FROM gone) INTO words, documents, indexed
    FROM counted c;
    SELECT array_remove(ARRAY[u.email, lower(u.email), u.external_id]::text[], NULL) INTO names FROM users u
    WHERE u.organization_id = tenant AND u.id = person;
    IF touched IS NOT NULL THEN
      PERFORM erase_from_sessions(touched, said);
      UPDATE conversations c SET description = NULL
      WHERE c.organization_id = tenant AND c.id = ANY (touched) AND c.created_by = person;
    END IF;
    UPDATE import_checkpoints i SET position = jsonb_set(i.position, '{file}', '""')
    WHERE i.organization_id = tenant AND EXISTS (
      SELECT FROM unnest(names) n WHERE strpos(lower(i.position ->> 'file'), lower(n)) > 0);
    FOR step IN
      SELECT r.table_name AS name, r.column_name AS pointer, ARRAY[person] AS ids FROM erasure_rules() r
      WHERE r.rule = 'remove' AND person IS NOT NULL
      UNION ALL SELECT * FROM (VALUES ('memory_facts', 'id', facts), ('memories', 'id', kept), ('messages', 'id', said),
        ('conversations', 'id', talks), ('agents', 'id', personal), ('users', 'id', ARRAY[person])) v
    LOOP
      SELECT array_agg(e.table_name), array_agg(e.id) INTO more_tables, more_ids
      FROM erase_rows(step.name, step.pointer, step.ids) e;
      tables := tables || more_tables;
      ids := ids || more_ids;
    END LOOP;
    ids := array_remove(ids, NULL);
    SELECT tables || array_agg(e.table_name), ids || array_agg(e.id) INTO tables, ids
    FROM erase_remnants(ids, ids::text[] || coalesce(names, '{}')) e;
    SELECT coalesce(jsonb_object_agg(t.name, t.n), '{}') INTO counts
    FROM (SELECT name, count(*) AS n FROM unnest(tables) name GROUP BY name) t;
    counts := counts || jsonb_build_object('recall_terms', erase_words(words, documents, indexed));
  END IF;
  SELECT * INTO trail FROM erase_trail(receipt, p_id,
    array_remove(ids, NULL)::text[] || p_id::text || coalesce(names, '{}') || coalesce(touched::text[], '{}'),
    p_kind = 'organization');
  PERFORM audit_erasure(p_kind, p_id::text, receipt, counts, trail.blanked, trail.digest);
  PERFORM set_config('app.erasing', '', true);
  RETURN jsonb_build_object('id', receipt, 'counts', counts, 'blanked', trail.blanked, 'digest', trail.digest);
END $$;
REVOKE ALL ON FUNCTION erase_subject(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_subject(text, uuid) TO mnemon_app;
