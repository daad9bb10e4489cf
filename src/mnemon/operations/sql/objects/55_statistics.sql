-- The planner's statistics keep samples of what columns hold, for as long as nobody analyses a table again; of a table
-- that was emptied, for ever. So none are kept of what people write: what was never sampled needs no erasing.

-- object: function planned_texts()
-- Columns of text whose words are the product's or name kinds of things, and which plans need to be told apart.
CREATE OR REPLACE FUNCTION planned_texts() RETURNS TABLE (table_name text, column_name text) LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.name, unnest(t.columns) FROM (VALUES
    ('agent_capabilities', '{capability}'::text[]), ('agent_metrics', '{metric_type}'),
    ('agents', '{type,cognitive_pattern}'),
    ('api_requests', '{method,route,error_code}'),
    ('audit_logs', '{action,resource_type}'),
    ('background_jobs', '{kind,queue,error_code,schedule,permissions}'),
    ('calendar_events', '{provider}'), ('conversation_participants', '{role}'), ('conversations', '{type}'),
    ('document_templates', '{document_type}'), ('documents', '{document_type,status}'),
    ('drive_files', '{provider,mime_type}'), ('entities', '{entity_type}'), ('entity_mentions', '{source_type}'),
    ('entity_relationships', '{relationship_type}'), ('error_logs', '{kind,code,component}'),
    ('integrations', '{provider,status}'), ('job_schedules', '{kind,queue,permissions}'),
    ('knowledge_items', '{domain}'), ('knowledge_metrics', '{metric_type}'),
    ('knowledge_transfers', '{transfer_method}'), ('knowledge_usage_totals', '{domain}'),
    ('learning_sessions', '{source_domain,target_domain,transfer_mode}'),
    ('memories', '{category,extraction_model,source,embedding_status,embedding_model}'),
    ('memory_log', '{action,old_tier,new_tier,old_status,new_status}'),
    ('messages', '{content_type,model,feedback_rating,status,source,embedding_status,embedding_model}'),
    ('metric_partials', '{source,subject,metric_type}'),
    ('metric_rollups', '{source,subject,metric_type,bucket_size}'),
    ('metric_summary', '{source,subject,metric_type,span}'),
    ('notifications', '{type,resource_type}'), ('oauth_tokens', '{provider,token_type}'),
    ('pattern_effectiveness_totals', '{type}'), ('pattern_metrics', '{error_type}'), ('patterns', '{type}'),
    ('system_metrics', '{component,metric_type}'), ('tasks', '{status,priority,source,source_type}'),
    ('user_preferences', '{theme,language}'), ('users', '{status,tier}'),
    ('webhook_deliveries', '{event,status}'), ('workflow_executions', '{status}'), ('workflows', '{status}')
  ) AS t(name, columns)
$$;
REVOKE ALL ON FUNCTION planned_texts() FROM PUBLIC;

-- object: function sampled_texts()
-- Columns of text, of documents and of words, in tables of organisations with their partitions and summaries, and
-- expressions of indexes over them, of which the planner would keep samples and should not.
CREATE OR REPLACE FUNCTION sampled_texts() RETURNS TABLE (relation text, column_name text, place integer, kind "char")
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.relname::text, a.attname::text, a.attnum::integer, r.relkind
  FROM pg_attribute a
  JOIN pg_class r ON r.oid = a.attrelid
  LEFT JOIN pg_index i ON i.indexrelid = r.oid
  JOIN pg_class t ON t.oid = coalesce(i.indrelid, r.oid)
  WHERE r.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    AND coalesce(a.attstattarget, -1) <> 0
    AND (r.relkind IN ('r', 'p', 'm') OR r.relkind IN ('i', 'I') AND i.indkey[a.attnum - 1] = 0)
    AND format_type(a.atttypid, NULL) IN
      ('text', 'character varying', 'text[]', 'character varying[]', 'jsonb', 'tsvector', 'inet')
    AND (t.relname = 'organizations' OR EXISTS (
      SELECT FROM pg_attribute o WHERE o.attrelid = t.oid AND o.attname = 'organization_id' AND NOT o.attisdropped))
    AND NOT EXISTS (
      SELECT FROM planned_texts() p WHERE p.column_name = a.attname AND to_regclass(p.table_name) IN (
        SELECT pg_partition_root(t.oid) UNION ALL SELECT t.oid))
$$;
REVOKE ALL ON FUNCTION sampled_texts() FROM PUBLIC;

-- object: function hide_from_statistics(text)
-- Lets the planner keep no samples of what people write, in one table or in all of them, and removes those that it has,
-- where the server lets an owner do that; where not, a superuser's upgrade does (migrations/provision.py).
CREATE OR REPLACE FUNCTION hide_from_statistics(p_table text DEFAULT NULL) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  one record;
  clears boolean := current_setting('server_version_num')::integer >= 180000;
BEGIN
  FOR one IN
    SELECT s.relation, s.kind, array_agg(s.column_name) AS columns, string_agg(format('ALTER COLUMN %s SET STATISTICS 0',
      CASE WHEN s.kind IN ('i', 'I') THEN s.place::text ELSE quote_ident(s.column_name) END), ', ') AS changes
    FROM sampled_texts() s WHERE p_table IS NULL OR s.relation = p_table GROUP BY 1, 2
  LOOP
    EXECUTE format('ALTER %s %I %s', CASE WHEN one.kind = 'm' THEN 'MATERIALIZED VIEW'
      WHEN one.kind IN ('i', 'I') THEN 'INDEX' ELSE 'TABLE' END, one.relation, one.changes);
    IF clears THEN
      EXECUTE 'SELECT pg_clear_attribute_stats(''public'', $1, c, w) FROM unnest($2) c, unnest(ARRAY[true, false]) w'
        USING one.relation, one.columns;
    END IF;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION hide_from_statistics(text) FROM PUBLIC;
SELECT hide_from_statistics();
