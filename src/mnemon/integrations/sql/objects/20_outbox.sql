-- The outbox of webhooks: what happens to a row is written down for every address that wants to know, in the transaction
-- of the change. Rolled back, nothing is told; committed, a worker is woken and tells it.

-- object: function note_event()
-- Arguments: the word that the event begins with (`memory` makes memory.created), the key of the row's id in what is
-- told. Told are ids and states and nothing that a person wrote: who may read the row asks for it. Nothing is told of
-- what an erasure removes or cuts: the ids would outlive it here.
CREATE OR REPLACE FUNCTION note_event() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  tenant uuid := current_tenant();
  event text := TG_ARGV[0] || '.created';
  before jsonb;
  after jsonb;
BEGIN
  IF tenant IS NULL OR current_setting('app.erasing', true) = tenant::text THEN RETURN NULL; END IF;
  PERFORM FROM webhook_endpoints e WHERE e.organization_id = tenant AND e.active AND e.deleted_at IS NULL LIMIT 1;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF TG_OP = 'UPDATE' THEN
    before := to_jsonb(OLD);
    after := to_jsonb(NEW);
    event := TG_ARGV[0] || CASE
      WHEN before ->> 'deleted_at' IS NULL AND after ->> 'deleted_at' IS NOT NULL THEN '.deleted'
      WHEN before ->> 'superseded_by' IS NULL AND after ->> 'superseded_by' IS NOT NULL THEN '.superseded'
      WHEN before ->> 'retracted_at' IS NULL AND after ->> 'retracted_at' IS NOT NULL THEN '.retracted'
      WHEN before ->> 'status' <> after ->> 'status' AND after ->> 'status' IN ('done', 'completed') THEN '.completed'
      ELSE '.updated' END;
    INSERT INTO webhook_deliveries (organization_id, endpoint_id, event, payload)
    SELECT tenant, e.id, event, told.payload
    FROM webhook_endpoints e
    CROSS JOIN (
      SELECT jsonb_object_agg(CASE a.key WHEN 'id' THEN TG_ARGV[1] ELSE a.key END, a.value) AS payload
      FROM jsonb_each(after) a WHERE a.key IN ('id', 'user_id', 'team_id', 'agent_id', 'conversation_id', 'sender_id',
        'workflow_id', 'superseded_by', 'status', 'version') AND a.value <> 'null') told
    WHERE e.organization_id = tenant AND e.active AND e.deleted_at IS NULL
      AND (e.events = '{}' OR event = ANY (e.events));
  ELSE
    INSERT INTO webhook_deliveries (organization_id, endpoint_id, event, payload)
    SELECT tenant, e.id, event, told.payload
    FROM webhook_endpoints e
    CROSS JOIN added n
    CROSS JOIN LATERAL (
      SELECT jsonb_object_agg(CASE a.key WHEN 'id' THEN TG_ARGV[1] ELSE a.key END, a.value) AS payload
      FROM jsonb_each(to_jsonb(n)) a WHERE a.key IN ('id', 'user_id', 'team_id', 'agent_id', 'conversation_id',
        'sender_id', 'workflow_id', 'superseded_by', 'status', 'version') AND a.value <> 'null') told
    WHERE e.organization_id = tenant AND e.active AND e.deleted_at IS NULL
      AND (e.events = '{}' OR event = ANY (e.events));
  END IF;
  IF FOUND THEN
    INSERT INTO background_jobs (organization_id, kind, permissions)
    VALUES (tenant, 'integrations.deliver', '{jobs:write,webhooks:deliver}');
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION note_event() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_event() TO mnemon_app;

-- Which rows are told of, and a change of which of their columns: what is counted or indexed is nobody's news.
DO $$
DECLARE told record;
BEGIN
  FOR told IN SELECT * FROM (VALUES
    ('memories', 'memory', 'memory_id', 'content, title, subject, category, importance, is_pinned, tier, status, '
      'expires_at, valid_until, superseded_by, deleted_at, user_id, team_id, agent_id'),
    ('messages', 'message', 'message_id', 'content, feedback_rating, deleted_at'),
    ('conversations', 'conversation', 'conversation_id', 'name, description, status, is_private, team_id, agent_id, '
      'user_id, summary, expires_at, deleted_at'),
    ('memory_facts', 'fact', 'memory_fact_id', 'valid_until, retracted_at'),
    ('tasks', 'task', 'task_id', 'user_id, title, description, status, priority, due_date, due_time, reminder_at, '
      'tags, deleted_at'),
    ('documents', 'document', 'document_id', 'title, content, outline, status, deleted_at'),
    ('agents', 'agent', 'agent_id', 'name, slug, type, tagline, description, personality, shared_skill_names, '
      'custom_skill_names, disabled_skill_names, model_config, memory_config, boundaries, status, deleted_at'),
    ('users', 'user', 'user_id', 'external_id, email, display_name, full_name, first_name, last_name, timezone, '
      'status, tier, deleted_at'),
    ('knowledge_items', 'knowledge', 'knowledge_item_id', 'domain, content, confidence, tags, deleted_at'),
    ('workflow_executions', 'execution', 'workflow_execution_id', 'status, deleted_at'),
    ('entities', 'entity', 'entity_id', 'entity_type, name, aliases, description, merged_into, deleted_at')
  ) AS t(name, word, key, columns) LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER tell_created AFTER INSERT ON %I REFERENCING NEW TABLE AS added '
      'FOR EACH STATEMENT WHEN (NOT importing()) EXECUTE FUNCTION note_event(%L, %L)', told.name, told.word, told.key);
    EXECUTE format('CREATE OR REPLACE TRIGGER tell_changed AFTER UPDATE OF %s ON %I FOR EACH ROW '
      'WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION note_event(%L, %L)',
      told.columns, told.name, told.word, told.key);
  END LOOP;
END $$;
