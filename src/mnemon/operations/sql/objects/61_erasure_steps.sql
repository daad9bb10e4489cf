-- Erasure, second part: its steps. All of them run as the owner, within erase_now() only.

-- object: function erase_rows(text, text, uuid[])
-- Removes the tenant's rows whose column is one of the ids, and before them all that cascades from them; what only
-- refers to them loses the reference. Returns each removed row (`kept` is false) and each that lost a reference, by what
-- the trail calls it; `id` is null where the table has no such column.
DROP FUNCTION IF EXISTS erase_rows(text, text, uuid[]);
CREATE FUNCTION erase_rows(p_table text, p_column text, p_ids uuid[])
RETURNS TABLE (table_name text, resource text, id uuid, kept boolean) LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tenant uuid := current_tenant();
  doomed uuid[];
  more uuid[];
  child record;
BEGIN
  IF p_ids IS NULL OR p_ids = '{}' THEN RETURN; END IF;
  IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = p_table::regclass AND a.attname = 'id') THEN
    RETURN QUERY EXECUTE format('WITH gone AS (DELETE FROM %1$I t WHERE organization_id = $1 AND %2$I = ANY ($2) '
      'RETURNING audit_resource_id(to_jsonb(t)) AS name) SELECT %1$L, name, NULL::uuid, false FROM gone',
      p_table, p_column) USING tenant, p_ids;
    RETURN;
  END IF;
  EXECUTE format('SELECT array_agg(id) FROM %I WHERE organization_id = $1 AND %I = ANY ($2)', p_table, p_column)
    INTO doomed USING tenant, p_ids;
  IF doomed IS NULL THEN RETURN; END IF;
  -- Rows of the table itself that go with them: a row may refer to itself, so they are not gone through as the others are.
  FOR child IN
    SELECT a.attname::text AS pointer FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) AND a.attname <> 'organization_id'
    WHERE c.contype = 'f' AND c.confdeltype = 'c' AND c.conparentid = 0
      AND c.conrelid = p_table::regclass AND c.confrelid = p_table::regclass
  LOOP
    LOOP
      EXECUTE format('SELECT array_agg(id) FROM %I WHERE organization_id = $1 AND %I = ANY ($2) AND id <> ALL ($2)',
        p_table, child.pointer) INTO more USING tenant, doomed;
      EXIT WHEN more IS NULL;
      doomed := doomed || more;
    END LOOP;
  END LOOP;
  FOR child IN
    SELECT r.relname::text AS name, a.attname::text AS pointer, c.confdeltype = 'c' AS goes,
      EXISTS (SELECT FROM pg_attribute i WHERE i.attrelid = r.oid AND i.attname = 'id') AS has_id
    FROM pg_constraint c
    JOIN pg_class r ON r.oid = c.conrelid
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) AND a.attname <> 'organization_id'
    WHERE c.contype = 'f' AND c.confdeltype IN ('c', 'n') AND c.conparentid = 0 AND NOT r.relispartition
      AND c.confrelid = p_table::regclass AND (c.confdeltype = 'n' OR c.conrelid <> c.confrelid)
    UNION ALL
    SELECT 'agent_metrics', 'agent_id', true, true WHERE p_table = 'agents'  -- by trigger, and counted here
  LOOP
    IF child.goes THEN
      RETURN QUERY SELECT * FROM erase_rows(child.name, child.pointer, doomed);
    ELSE
      RETURN QUERY EXECUTE format('WITH cut AS (UPDATE %1$I t SET %2$I = NULL WHERE organization_id = $1 '
        'AND %2$I = ANY ($2) %3$s RETURNING %4$s) SELECT %1$L, cut.name, cut.row_id, true FROM cut',
        child.name, child.pointer, CASE WHEN child.name = p_table THEN 'AND id <> ALL ($2)' ELSE '' END,
        CASE WHEN child.has_id THEN 'id::text AS name, id AS row_id'
          ELSE 'audit_resource_id(to_jsonb(t)) AS name, NULL::uuid AS row_id' END) USING tenant, doomed;
    END IF;
  END LOOP;
  EXECUTE format('DELETE FROM %I WHERE organization_id = $1 AND id = ANY ($2)', p_table) USING tenant, doomed;
  RETURN QUERY SELECT p_table, d::text, d, false FROM unnest(doomed) d;
END $$;
REVOKE ALL ON FUNCTION erase_rows(text, text, uuid[]) FROM PUBLIC;

-- object: function erase_entities(text[], uuid[])
-- The graph: mentions by erased rows go, and entities that were nothing but such mentions. An entity that somebody
-- described, or that is related to one that stays, is the organisation's.
CREATE OR REPLACE FUNCTION erase_entities(p_tables text[], p_ids uuid[])
RETURNS TABLE (table_name text, resource text, id uuid, kept boolean) LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tenant uuid := current_tenant();
  mentions uuid[];
  named uuid[];
  found uuid[];
BEGIN
  -- Written out, so that a long array is looked up by hash.
  EXECUTE 'SELECT array_agg(m.id), array_agg(DISTINCT m.entity_id) FROM entity_mentions m '
    'WHERE m.organization_id = $1 AND m.source_type || '':'' || m.source_id = ANY ($2)'
    INTO mentions, named
    USING tenant, ARRAY(SELECT erasure_singular(g.t) || ':' || g.i FROM unnest(p_tables, p_ids) g(t, i));
  IF mentions IS NULL THEN RETURN; END IF;
  RETURN QUERY SELECT * FROM erase_rows('entity_mentions', 'id', mentions);
  UPDATE entity_relationships r SET context = NULL
  WHERE r.organization_id = tenant AND r.context IS NOT NULL
    AND r.source_entity_id IN (SELECT unnest(named)) AND r.target_entity_id IN (SELECT unnest(named));
  UPDATE entities e SET mention_count =
    (SELECT count(*) FROM entity_mentions m WHERE m.organization_id = tenant AND m.entity_id = e.id)
  WHERE e.organization_id = tenant AND e.id = ANY (named);
  SELECT array_agg(e.id) INTO found FROM entities e
  WHERE e.organization_id = tenant AND e.id = ANY (named) AND e.mention_count = 0
    AND e.user_id IS NULL AND e.description IS NULL AND e.metadata = '{}'
    AND NOT EXISTS (SELECT FROM entity_relationships r JOIN entities o ON o.organization_id = tenant
      AND o.id IN (r.source_entity_id, r.target_entity_id) AND o.id <> e.id
      WHERE r.organization_id = tenant AND e.id IN (r.source_entity_id, r.target_entity_id)
        AND (o.id <> ALL (named) OR o.mention_count > 0));
  RETURN QUERY SELECT * FROM erase_rows('entities', 'id', found);
END $$;
REVOKE ALL ON FUNCTION erase_entities(text[], uuid[]) FROM PUBLIC;

-- object: function erase_documents(text[], uuid[])
-- Documents that name an erased row by its id: see erasure_rules() for which rows go; in all others the id becomes the
-- nil UUID. Returns the rows.
CREATE OR REPLACE FUNCTION erase_documents(p_tables text[], p_ids uuid[])
RETURNS TABLE (table_name text, resource text, id uuid, kept boolean) LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tenant uuid := current_tenant();
  ids text[] := p_ids::text[];
  keys text[];
  place record;
  found uuid[];
BEGIN
  SELECT array_agg(k.key || ':' || g.i) INTO keys FROM unnest(p_tables, p_ids) g(t, i)
  CROSS JOIN LATERAL (SELECT erasure_singular(g.t) || '_id' AS key
                      UNION ALL SELECT unnest(ARRAY['person_id', 'sender_id']) WHERE g.t = 'users') k;
  FOR place IN
    SELECT d.table_name AS name, d.column_name AS document, d.tenant_column AS tenant, r.rule,
      EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = d.table_name::regclass AND a.attname = 'user_id') AS owned
    FROM erasure_documents() d
    LEFT JOIN erasure_rules() r ON r.table_name = d.table_name AND r.column_name = d.column_name
  LOOP
    -- Written out and planned each time, so that a long array is looked up by hash.
    IF place.rule = 'about' THEN
      EXECUTE format('SELECT array_agg(id) FROM %1$I WHERE organization_id = $1 AND %2$I <> ''{}'' %3$s AND EXISTS ('
        'SELECT FROM jsonb_each_text(CASE jsonb_typeof(%2$I) WHEN ''object'' THEN %2$I END) e '
        'WHERE e.key || '':'' || lower(e.value) = ANY ($2))',
        place.name, place.document, CASE WHEN place.owned THEN 'AND user_id IS NULL' ELSE '' END)
        INTO found USING tenant, keys;
      RETURN QUERY SELECT * FROM erase_rows(place.name, 'id', found);
    ELSIF place.rule = 'whole' THEN
      EXECUTE format('SELECT array_agg(id) FROM %1$I WHERE organization_id = $1 AND %2$I <> ''{}'' AND EXISTS ('
        'SELECT FROM erasure_ids(%2$I) i WHERE lower(i) = ANY ($2))', place.name, place.document)
        INTO found USING tenant, ids;
      RETURN QUERY SELECT * FROM erase_rows(place.name, 'id', found);
      CONTINUE;
    END IF;
    RETURN QUERY EXECUTE format('WITH cut AS (UPDATE %1$I t SET %2$I = regexp_replace(%2$I::text, n.pattern, '
      '''"00000000-0000-0000-0000-000000000000"'', ''g'')::jsonb FROM ('
      '  SELECT s.id AS row_id, ''"('' || string_agg(i, ''|'') || '')"'' AS pattern '
      '  FROM %1$I s CROSS JOIN LATERAL erasure_ids(s.%2$I) i '
      '  WHERE s.%3$I = $1 AND s.%2$I NOT IN (''{}'', ''[]'') AND lower(i) = ANY ($2) GROUP BY s.id) n '
      'WHERE t.%3$I = $1 AND t.id = n.row_id RETURNING t.id) SELECT %1$L, cut.id::text, cut.id, true FROM cut',
      place.name, place.document, place.tenant) USING tenant, ids;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION erase_documents(text[], uuid[]) FROM PUBLIC;

-- object: function erase_references(text[], uuid[])
-- What refers to erased rows without a foreign key, each to rows of one kind: the log of memories goes, the references
-- of what is somebody else's are taken out. Names of speakers of whom nothing is left go too. Returns the rows.
CREATE OR REPLACE FUNCTION erase_references(p_tables text[], p_ids uuid[])
RETURNS TABLE (table_name text, resource text, id uuid, kept boolean) LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tenant uuid := current_tenant();
  place record;
  gone uuid[];
  named text[] := ARRAY(SELECT k.name || ':' || g.i FROM unnest(p_tables, p_ids) g(t, i)
    CROSS JOIN LATERAL (VALUES (g.t), (erasure_singular(g.t))) k(name));
BEGIN
  FOR place IN SELECT * FROM (VALUES ('memory_log', 'memory_id', 'memories'),
    ('memory_log', 'conversation_id', 'conversations'), ('background_jobs', 'agent_id', 'agents'),
    ('job_schedules', 'agent_id', 'agents'), ('participant_names', 'agent_id', 'agents')) v(name, pointer, kind)
  LOOP
    SELECT array_agg(g.i) INTO gone FROM unnest(p_tables, p_ids) g(t, i) WHERE g.t = place.kind;
    RETURN QUERY SELECT * FROM erase_rows(place.name, place.pointer, gone);
  END LOOP;
  DELETE FROM participant_names p WHERE p.organization_id = tenant AND p.speaker IS NOT NULL
    AND NOT EXISTS (SELECT FROM messages m WHERE m.organization_id = tenant AND m.speaker = p.speaker);
  FOR place IN SELECT * FROM (VALUES ('notifications', 'resource_type', 'resource_id'),
    ('tasks', 'source_type', 'source_id')) v(name, kind, pointer)
  LOOP
    RETURN QUERY EXECUTE format('WITH cut AS (UPDATE %1$I t SET %3$I = NULL WHERE organization_id = $1 '
      'AND %3$I IS NOT NULL AND %2$I || '':'' || %3$I = ANY ($2) RETURNING t.id) '
      'SELECT %1$L, cut.id::text, cut.id, true FROM cut', place.name, place.kind, place.pointer) USING tenant, named;
  END LOOP;
  FOR place IN SELECT * FROM (VALUES ('conversation_sessions', 'speaker_ids', '{users,agents}'::text[]),
    ('memories', 'source_message_ids', '{messages}'), ('memories', 'contradicts', '{memories}'),
    ('memories', 'related_to', '{memories}'), ('documents', 'context_memory_ids', '{memories}')) v(name, list, kinds)
  LOOP
    SELECT array_agg(g.i) INTO gone FROM unnest(p_tables, p_ids) g(t, i) WHERE g.t = ANY (place.kinds);
    CONTINUE WHEN gone IS NULL;
    RETURN QUERY EXECUTE format('WITH cut AS (UPDATE %1$I t SET %2$I = '
      'ARRAY(SELECT u FROM unnest(%2$I) WITH ORDINALITY o(u, place) WHERE u <> ALL ($2) ORDER BY place) '
      'WHERE organization_id = $1 AND EXISTS (SELECT FROM unnest(%2$I) u WHERE u = ANY ($2)) RETURNING t.id) '
      'SELECT %1$L, cut.id::text, cut.id, true FROM cut', place.name, place.list) USING tenant, gone;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION erase_references(text[], uuid[]) FROM PUBLIC;
DROP FUNCTION IF EXISTS erase_remnants(uuid[], text[]);

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
  FROM (SELECT m.conversation_id, count(*) FILTER (WHERE coalesce(m.part, 1) = 1) AS messages,
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


-- object: function erase_from_summaries(uuid[])
-- Makes the summaries anew that still show an item of knowledge or a pattern which is gone or was cut; without ids:
-- whatever they show of the tenant. Each under the lock of its own refresh, and in a statement after that lock: a refresh
-- that began before would otherwise bring back what it saw.
CREATE OR REPLACE FUNCTION erase_from_summaries(p_ids uuid[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE tenant uuid := current_tenant();
BEGIN
  IF p_ids = '{}' THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('refresh_knowledge_summaries', 0));
  IF EXISTS (SELECT FROM pattern_effectiveness_totals t
             WHERE t.organization_id = tenant AND (p_ids IS NULL OR t.pattern_id = ANY (p_ids))) THEN
    REFRESH MATERIALIZED VIEW CONCURRENTLY pattern_effectiveness_totals;
  END IF;
  IF EXISTS (SELECT FROM knowledge_usage_totals t
             WHERE t.organization_id = tenant AND (p_ids IS NULL OR t.knowledge_id = ANY (p_ids))) THEN
    REFRESH MATERIALIZED VIEW CONCURRENTLY knowledge_usage_totals;
  END IF;
  IF p_ids IS NULL AND EXISTS (SELECT FROM metric_summary m WHERE m.organization_id = tenant) THEN
    REFRESH MATERIALIZED VIEW CONCURRENTLY metric_summary;
  END IF;
END $$;
REVOKE ALL ON FUNCTION erase_from_summaries(uuid[]) FROM PUBLIC;
