-- The critical tables and what of them is bookkeeping. Messages are not audited: each is its own record, with its
-- edit and delete marks. Of memories the trail keeps that they were made, and what of them changed but for their
-- content: memory_log has that, and never loses it.
DO $$
DECLARE
  audited record;
  arguments text;
BEGIN
  FOR audited IN SELECT * FROM (VALUES
    ('organizations', 'rows', '{}'::text[]),
    ('users', 'rows', '{last_login_at}'),
    ('teams', 'rows', '{}'),
    ('team_memberships', 'rows', '{}'),
    ('agents', 'rows', '{}'),
    ('conversations', 'rows', '{message_count,total_input_tokens,total_output_tokens,last_message_at,changed}'),
    ('memories', 'summary',
      '{content,access_count,last_accessed_at,is_indexed,embedding_status,embedding_model,embedding_updated_at,changed}'),
    ('roles', 'rows', '{}'),
    ('role_permissions', 'rows', '{}'),
    ('user_roles', 'rows', '{}'),
    ('user_credentials', 'rows', '{}'),
    ('mfa_devices', 'rows', '{last_used_at,last_used_step}'),
    ('oauth_tokens', 'rows', '{last_used_at}'),
    ('api_keys', 'rows', '{last_used_at}'),
    ('sessions', 'rows', '{last_seen_at,last_used_at}'),
    ('integrations', 'rows', '{last_sync_at,sync_cursor}')
  ) AS t(name, mode, ignored) LOOP
    CONTINUE WHEN to_regclass(audited.name) IS NULL;
    SELECT string_agg(quote_literal(a), ', ') INTO arguments FROM unnest(audited.mode || audited.ignored) a;
    EXECUTE format('CREATE OR REPLACE TRIGGER audit_create AFTER INSERT ON %I REFERENCING NEW TABLE AS added '
      'FOR EACH STATEMENT WHEN (NOT importing()) EXECUTE FUNCTION audit_row(%s)', audited.name, arguments);
    EXECUTE format('CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS removed '
      'FOR EACH STATEMENT EXECUTE FUNCTION audit_row(%s)', audited.name, arguments);
    -- WHEN: rows that bookkeeping touches by the thousand never get as far as the function.
    EXECUTE format('CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON %I FOR EACH ROW %s '
      'EXECUTE FUNCTION audit_row(%s)', audited.name,
      CASE audited.name
        WHEN 'conversations' THEN 'WHEN (OLD.message_count = NEW.message_count)'
        WHEN 'memories' THEN 'WHEN (OLD.access_count = NEW.access_count AND OLD.is_indexed = NEW.is_indexed '
          'AND OLD.embedding_status = NEW.embedding_status AND OLD.language IS NOT DISTINCT FROM NEW.language)'
        ELSE '' END, arguments);
  END LOOP;
END $$;
