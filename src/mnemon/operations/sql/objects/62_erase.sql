-- Erasure, last part: who may, what the trail keeps, and the whole of it.

-- object: function erasure_rights(uuid, uuid[])
-- Names of what a living person of the tenant may do, by roles that none of these people gave.
CREATE OR REPLACE FUNCTION erasure_rights(p_user uuid, p_not_from uuid[]) RETURNS text[] LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  WITH RECURSIVE held AS (
    SELECT r.id, r.parent_role_id
    FROM users u
    JOIN user_roles ur ON ur.organization_id = u.organization_id AND ur.user_id = u.id
    JOIN roles r ON r.organization_id = ur.organization_id AND r.id = ur.role_id AND r.deleted_at IS NULL
    WHERE u.organization_id = current_tenant() AND u.id = p_user
      AND u.deleted_at IS NULL AND u.status = 'active' AND (ur.expires_at IS NULL OR ur.expires_at > now())
      AND (ur.granted_by IS NULL OR ur.granted_by <> ALL (p_not_from))
    UNION
    SELECT r.id, r.parent_role_id
    FROM held h JOIN roles r ON r.id = h.parent_role_id AND r.deleted_at IS NULL
      AND r.organization_id = current_tenant()
  )
  SELECT coalesce(array_agg(DISTINCT p.name::text), '{}')
  FROM held h
  JOIN role_permissions rp ON rp.role_id = h.id
    AND rp.organization_id = current_tenant()
  JOIN permissions p ON p.id = rp.permission_id
$$;
REVOKE ALL ON FUNCTION erasure_rights(uuid, uuid[]) FROM PUBLIC;

-- object: function erasure_refusal(text, uuid)
-- Why the person or agent of this transaction may not erase this subject; null if they may. A process of the
-- organisation, which names nobody, may. `agent`: an agent erases nothing. `self`: nobody erases themselves. `right`: the
-- right is not theirs, or comes only from themselves or from those concerned. `rank`: somebody concerned may do what
-- they may not. `last_owner`: the organisation would be nobody's; also for its own process.
CREATE OR REPLACE FUNCTION erasure_refusal(p_kind text, p_id uuid) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  tenant uuid := current_tenant();
  acting uuid := current_user_id();
  needed text := CASE p_kind WHEN 'organization' THEN 'organizations:delete' ELSE 'users:erase' END;
  concerned uuid[] := '{}';
BEGIN
  IF current_agent_id() IS NOT NULL THEN RETURN 'agent'; END IF;
  IF p_kind = 'user' THEN
    IF p_id = acting THEN RETURN 'self'; END IF;
    concerned := ARRAY[p_id];
    IF EXISTS (SELECT FROM living_owners(tenant) o WHERE o = p_id)
      AND NOT EXISTS (SELECT FROM living_owners(tenant) o WHERE o <> p_id) THEN RETURN 'last_owner'; END IF;
  ELSIF p_kind = 'conversation' THEN
    SELECT coalesce(array_agg(DISTINCT w.id), '{}') INTO concerned FROM (
      SELECT unnest(ARRAY[c.user_id, c.created_by]) AS id FROM conversations c
      WHERE c.organization_id = tenant AND c.id = p_id
      UNION ALL SELECT p.user_id FROM conversation_participants p
      WHERE p.organization_id = tenant AND p.conversation_id = p_id
      UNION ALL SELECT unnest(ARRAY[m.sender_id, m.user_id]) FROM messages m
      WHERE m.organization_id = tenant AND m.conversation_id = p_id) w
    WHERE w.id <> coalesce(acting, '00000000-0000-0000-0000-000000000000');
  END IF;
  IF acting IS NULL THEN RETURN NULL; END IF;
  IF needed <> ALL (erasure_rights(acting, concerned || acting)) THEN RETURN 'right'; END IF;
  IF EXISTS (SELECT FROM unnest(concerned) c WHERE NOT erasure_rights(c, '{}') <@ erasure_rights(acting, '{}')) THEN
    RETURN 'rank';
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION erasure_refusal(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erasure_refusal(text, uuid) TO mnemon_app;

-- object: function living_owners(uuid)
-- The people who have the organisation's role owner now.
CREATE OR REPLACE FUNCTION living_owners(p_organization uuid) RETURNS SETOF uuid LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT ur.user_id FROM user_roles ur
  JOIN roles r ON r.organization_id = ur.organization_id AND r.id = ur.role_id
  JOIN users u ON u.organization_id = ur.organization_id AND u.id = ur.user_id
  WHERE ur.organization_id = p_organization AND r.is_system AND r.name = 'owner' AND r.deleted_at IS NULL
    AND u.deleted_at IS NULL AND u.status = 'active' AND (ur.expires_at IS NULL OR ur.expires_at > now())
$$;
REVOKE ALL ON FUNCTION living_owners(uuid) FROM PUBLIC;

-- object: function erase_trail(text, uuid, uuid, text[], text[], uuid[], uuid[])
-- Blanks what the trail says of erased rows: who, when and which row stay, what and from where go. An entry is reached by
-- who did it, by the kind and the id of its row, by the owner in the image of a row that went before, and where it tells
-- the summary of a shared conversation; and those that this erasure itself wrote, which is all of its transaction's but
-- p_before. The hash that the chain sealed stays in the row, and the receipt is part of the trail: entries `erasure`,
-- each with up to 1,000 of {"id", "hash" before, "left" after}. Returns the count and a digest of all that is left.
DROP FUNCTION IF EXISTS erase_trail(uuid, uuid, text[], boolean);
CREATE OR REPLACE FUNCTION erase_trail(
  p_kind text, p_id uuid, p_receipt uuid, p_tables text[], p_resources text[], p_touched uuid[], p_before uuid[],
  OUT blanked bigint, OUT digest text, OUT entries jsonb
) LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  tenant uuid := current_tenant();
  person uuid := CASE p_kind WHEN 'user' THEN p_id END;
  named text[];
BEGIN
  SELECT array_agg(k.name || ':' || g.r) INTO named FROM unnest(p_tables, p_resources) g(t, r)
  CROSS JOIN LATERAL (VALUES (g.t), (erasure_singular(g.t))) k(name);
  -- Planned here and now: only an array that the planner sees is looked up by hash, and it may be long.
  EXECUTE $trail$
    WITH done AS (
      UPDATE audit_logs a SET old_value = '{}', new_value = '{}', error_message = NULL, ip_address = NULL,
        user_agent = NULL,
        resource_id = CASE WHEN a.resource_id ~ '^[0-9a-f-]{36}(:[0-9a-f-]{36})*$' THEN a.resource_id END,
        metadata = jsonb_build_object('erased',
          jsonb_build_object('by', $1, 'hash', encode(audit_digest(a), 'hex')))
      WHERE a.organization_id = $2 AND NOT a.metadata ? 'erased' AND a.action <> 'erasure'
        AND ($4 OR a.user_id = $3
          OR a.resource_type || ':' || a.resource_id = ANY ($5)
          OR a.resource_type IN (SELECT c.conrelid::regclass::text FROM pg_constraint c WHERE c.contype = 'f'
              AND c.confdeltype = 'c' AND c.confrelid = 'users'::regclass)
            AND $3::text = CASE a.action WHEN a.resource_type || ':create' THEN a.new_value ->> 'user_id'
              WHEN a.resource_type || ':delete' THEN a.old_value ->> 'user_id' END
          OR a.resource_type = 'conversations' AND a.resource_id = ANY ($6)
            AND (a.old_value ? 'summary' OR a.new_value ? 'summary')
          OR a.transaction_id = pg_current_xact_id()::text::bigint AND a.id <> ALL ($7))
      RETURNING a.id, a.metadata #>> '{erased,hash}' AS hash, audit_digest(a) AS remains
    )
    SELECT count(*), encode(sha256(coalesce(string_agg(d.remains, ''::bytea ORDER BY d.id), ''::bytea)), 'hex'),
      coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'hash', d.hash, 'left', encode(d.remains, 'hex'))
        ORDER BY d.id), '[]')
    FROM done d $trail$
  INTO blanked, digest, entries
  USING p_receipt, tenant, person, p_kind = 'organization', named, p_touched::text[], p_before;
END $$;
REVOKE ALL ON FUNCTION erase_trail(text, uuid, uuid, text[], text[], uuid[], uuid[]) FROM PUBLIC;

-- object: function write_receipt(text, uuid, jsonb, jsonb)
-- The receipt in the trail, in the transaction of the erasure: at least one entry, each with up to 1,000 of those that
-- were blanked. Nobody else writes this action.
CREATE OR REPLACE FUNCTION write_receipt(p_kind text, p_id uuid, p_receipt jsonb, p_entries jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  FOR part IN 0..greatest((jsonb_array_length(p_entries) - 1) / 1000, 0) LOOP
    PERFORM audit_write('erasure', p_kind, ARRAY[current_tenant()],
      ARRAY[p_id::text], ARRAY['{}'::jsonb], ARRAY['{}'::jsonb], 'success', NULL,
      CASE part WHEN 0 THEN p_receipt ELSE '{}' END || jsonb_build_object('receipt', p_receipt -> 'receipt',
        'part', part, 'blanked', (SELECT coalesce(jsonb_agg(e.value ORDER BY e.place), '[]')
          FROM jsonb_array_elements(p_entries) WITH ORDINALITY e(value, place)
          WHERE e.place > part * 1000 AND e.place <= (part + 1) * 1000)));
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION write_receipt(text, uuid, jsonb, jsonb) FROM PUBLIC;

-- object: function erasure_totals()
-- Rows of the tenant by table, and under audit_logs the entries that would be blanked.
CREATE OR REPLACE FUNCTION erasure_totals() RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  tenant uuid := current_tenant();
  counts jsonb := '{"organizations": 1}';
  place record;
BEGIN
  FOR place IN
    SELECT r.relname::text AS name FROM pg_class r JOIN pg_attribute a ON a.attrelid = r.oid
    WHERE a.attname = 'organization_id' AND r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p')
      AND NOT r.relispartition AND r.relname <> 'audit_blocks'
  LOOP
    EXECUTE format('SELECT $1 || coalesce((SELECT jsonb_build_object($2, count(*)) FROM %I WHERE organization_id = $3 '
      '%s HAVING count(*) > 0), ''{}'')', place.name, CASE place.name WHEN 'audit_logs' THEN
      'AND action <> ''erasure'' AND NOT metadata ? ''erased''' ELSE '' END) INTO counts USING counts, place.name, tenant;
  END LOOP;
  RETURN counts;
END $$;
REVOKE ALL ON FUNCTION erasure_totals() FROM PUBLIC;

-- object: function erase_part(text, uuid, uuid, uuid[])
-- Erases a person or a conversation; returns {"counts", "detached", "blanked", "digest", "entries"}. Within erase_now().
CREATE OR REPLACE FUNCTION erase_part(p_kind text, p_id uuid, p_receipt uuid, p_before uuid[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  tenant uuid := current_tenant();
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
  step record;
  -- What went and what lost a reference, an element each: the table, what the trail calls the row, its id, if it stays.
  tables text[] := '{}';
  resources text[] := '{}';
  ids uuid[] := '{}';
  stays boolean[] := '{}';
  more record;
  went record;
  result jsonb;
BEGIN
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
    OR (m.source_message_ids <> '{}' AND (person IS NULL OR m.user_id IS NULL) AND NOT EXISTS (
          SELECT FROM unnest(m.source_message_ids) s WHERE s NOT IN (SELECT unnest(said)))));
  SELECT coalesce(array_agg(f.id), '{}') INTO facts FROM memory_facts f
  WHERE f.organization_id = tenant AND (f.user_id = person
    OR (person IS NULL OR f.user_id IS NULL) AND (f.source_message_id IS NOT NULL OR f.source_memory_id IS NOT NULL)
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
  -- Whoever holds a copy of what recall knows of these rows lets go of it.
  INSERT INTO recall_statistics AS r (organization_id, erased) VALUES (tenant, 1)
  ON CONFLICT (organization_id) DO UPDATE SET erased = r.erased + 1;
  IF touched IS NOT NULL THEN
    PERFORM erase_from_sessions(touched, said);
    UPDATE conversations c SET description = NULL
    WHERE c.organization_id = tenant AND c.id = ANY (touched) AND c.created_by = person;
  END IF;
  FOR step IN
    SELECT r.table_name AS name, r.column_name AS pointer, ARRAY[person] AS ids FROM erasure_rules() r
    WHERE r.rule = 'remove' AND person IS NOT NULL
    UNION ALL SELECT * FROM (VALUES ('memory_facts', 'id', facts), ('memories', 'id', kept), ('messages', 'id', said),
      ('conversations', 'id', talks), ('agents', 'id', personal), ('users', 'id', array_remove(ARRAY[person], NULL))) v
  LOOP
    SELECT array_agg(e.table_name) AS t, array_agg(e.resource) AS r, array_agg(e.id) AS i, array_agg(e.kept) AS k
    INTO more FROM erase_rows(step.name, step.pointer, step.ids) e;
    tables := tables || more.t;
    resources := resources || more.r;
    ids := ids || more.i;
    stays := stays || more.k;
  END LOOP;
  SELECT array_agg(g.t) AS tables, array_agg(g.i) AS ids INTO went FROM unnest(tables, ids, stays) g(t, i, k)
  WHERE NOT g.k AND g.i IS NOT NULL;
  SELECT array_agg(e.table_name) AS t, array_agg(e.resource) AS r, array_agg(e.id) AS i, array_agg(e.kept) AS k INTO more
  FROM (SELECT * FROM erase_references(went.tables, went.ids) UNION ALL SELECT * FROM erase_entities(went.tables, went.ids)
        UNION ALL SELECT * FROM erase_documents(went.tables, went.ids)
        UNION ALL SELECT 'conversations', t::text, t, true FROM unnest(touched) t) e;
  tables := tables || more.t;
  resources := resources || more.r;
  ids := ids || more.i;
  stays := stays || more.k;
  WITH everything AS MATERIALIZED (SELECT * FROM unnest(tables, resources, stays) g(t, r, k)),
    removed AS MATERIALIZED (SELECT e.t, e.r FROM everything e WHERE NOT e.k)
  SELECT array_agg(r.t) AS tables, array_agg(r.r) AS resources,
    (SELECT jsonb_object_agg(c.t, c.n) FROM (SELECT t, count(*) AS n FROM removed GROUP BY t) c) AS counts,
    (SELECT jsonb_object_agg(c.t, c.n) FROM (
      SELECT e.t, count(DISTINCT e.r) AS n FROM everything e
      WHERE e.k AND NOT EXISTS (SELECT FROM removed x WHERE x.t = e.t AND x.r = e.r) GROUP BY e.t) c) AS detached
  INTO went FROM removed r;
  result := jsonb_build_object('detached', coalesce(went.detached, '{}'), 'counts', coalesce(went.counts, '{}')
    || jsonb_build_object('recall_terms', erase_words(words, documents, indexed)));
  SELECT result || to_jsonb(e) INTO result
  FROM erase_trail(p_kind, p_id, p_receipt, went.tables, went.resources, coalesce(touched, '{}'), p_before) e;
  RETURN result || jsonb_build_object('summarised',
    (SELECT coalesce(jsonb_agg(g.i), '[]') FROM unnest(tables, ids) g(t, i) WHERE g.t IN ('knowledge_items', 'patterns')));
END $$;
REVOKE ALL ON FUNCTION erase_part(text, uuid, uuid, uuid[]) FROM PUBLIC;

-- object: function erase_now(text, uuid, boolean)
-- What erase_subject() and preview_erasure() do; summaries are made anew only where it is to stay. Memory for its lists
-- of ids: a list that does not fit is gone through anew for each row.
CREATE OR REPLACE FUNCTION erase_now(p_kind text, p_id uuid, p_summaries boolean) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET work_mem = '256MB' AS $$
DECLARE
  tenant uuid := current_tenant();
  receipt uuid := gen_random_uuid();
  refused text;
  before uuid[];
  done jsonb;
BEGIN
  IF tenant IS NULL THEN
    RAISE EXCEPTION 'no organisation is set' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF p_kind = 'organization' THEN
    -- Before anything else is locked: a refresh of the dashboard takes this first as well.
    PERFORM pg_advisory_xact_lock(hashtextextended('dashboard', 0));
  END IF;
  -- One at a time in an organisation: two owners do not erase each other.
  PERFORM pg_advisory_xact_lock(hashtextextended('erasure ' || tenant, 0));
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
  refused := erasure_refusal(p_kind, p_id);
  IF refused IS NOT NULL THEN
    RAISE EXCEPTION 'this erasure is refused: %', refused USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM set_config('app.erasing', tenant::text, true);
  SELECT coalesce(array_agg(a.id), '{}') INTO before FROM audit_logs a
  WHERE a.organization_id = tenant AND a.transaction_id = pg_current_xact_id()::text::bigint;
  IF p_kind = 'organization' THEN
    done := jsonb_build_object('counts', erasure_totals() - 'audit_logs', 'detached', '{}'::jsonb);
    DELETE FROM organizations WHERE id = tenant;
    SELECT done || to_jsonb(e) INTO done FROM erase_trail(p_kind, p_id, receipt, '{}', '{}', '{}', before) e;
  ELSE
    done := erase_part(p_kind, p_id, receipt, before);
  END IF;
  IF p_summaries THEN
    PERFORM erase_from_summaries(CASE WHEN p_kind <> 'organization' THEN
      ARRAY(SELECT s::uuid FROM jsonb_array_elements_text(done -> 'summarised') s) END);
  END IF;
  PERFORM write_receipt(p_kind, p_id, jsonb_build_object('receipt', receipt, 'counts', done -> 'counts', 'detached',
    done -> 'detached', 'entries', done -> 'blanked', 'digest', done -> 'digest'), done -> 'entries');
  PERFORM set_config('app.erasing', '', true);
  RETURN done - 'entries' - 'summarised' || jsonb_build_object('id', receipt);
END $$;
REVOKE ALL ON FUNCTION erase_now(text, uuid, boolean) FROM PUBLIC;

-- object: function erase_subject(text, uuid)
-- Erases a person, a conversation or the whole organisation of the transaction's tenant: removed for good, in this
-- transaction. Returns {"id", "counts", "detached", "blanked", "digest"}; null if the tenant has no such subject.
CREATE OR REPLACE FUNCTION erase_subject(p_kind text, p_id uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN erase_now(p_kind, p_id, true);
END $$;
REVOKE ALL ON FUNCTION erase_subject(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_subject(text, uuid) TO mnemon_app;

-- object: function preview_erasure(text, uuid)
-- What erase_subject() would do now, counted by doing it and taking it back: {"counts", "detached", "blanked"}. Of an
-- organisation its rows are counted.
CREATE OR REPLACE FUNCTION preview_erasure(p_kind text, p_id uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  counts jsonb;
  done jsonb;
BEGIN
  IF p_kind = 'organization' THEN
    IF p_id IS DISTINCT FROM current_tenant() THEN RETURN NULL; END IF;
    IF erasure_refusal(p_kind, p_id) IS NOT NULL THEN
      RAISE EXCEPTION 'this erasure is refused' USING ERRCODE = 'insufficient_privilege';
    END IF;
    counts := erasure_totals();
    RETURN jsonb_build_object('counts', counts - 'audit_logs', 'detached', '{}'::jsonb,
      'blanked', coalesce(counts -> 'audit_logs', '0'));
  END IF;
  BEGIN
    done := erase_now(p_kind, p_id, false);
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'MN011';
  EXCEPTION WHEN SQLSTATE 'MN011' THEN
    RETURN done - 'id' - 'digest';
  END;
END $$;
REVOKE ALL ON FUNCTION preview_erasure(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION preview_erasure(text, uuid) TO mnemon_app;
