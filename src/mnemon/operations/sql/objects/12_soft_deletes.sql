-- The tables whose rows are deleted softly, whoever deletes them (REQ-T105): all that have a deleted_at and that the
-- application may delete from.
DO $$
DECLARE guarded text;
BEGIN
  FOREACH guarded IN ARRAY ARRAY[
    'users', 'teams', 'roles', 'user_credentials', 'mfa_devices', 'oauth_tokens', 'user_preferences', 'devices',
    'agents', 'agent_capabilities',
    'conversations', 'messages',
    'memories',
    'entities', 'entity_relationships',
    'knowledge_items', 'knowledge_transfers', 'patterns', 'learning_sessions',
    'workflows', 'workflow_executions',
    'tasks', 'documents', 'document_templates', 'assets',
    'integrations', 'gmail_messages', 'calendar_events', 'drive_files', 'webhook_endpoints'
  ] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER soften_delete BEFORE DELETE ON %I FOR EACH ROW '
      'EXECUTE FUNCTION soften_delete()', guarded);
  END LOOP;
END $$;

CREATE OR REPLACE TRIGGER refuse_move BEFORE UPDATE OF organization_id ON messages FOR EACH ROW
  WHEN (OLD.organization_id <> NEW.organization_id) EXECUTE FUNCTION refuse_move();
CREATE OR REPLACE TRIGGER refuse_move BEFORE UPDATE OF organization_id ON memories FOR EACH ROW
  WHEN (OLD.organization_id <> NEW.organization_id) EXECUTE FUNCTION refuse_move();
CREATE OR REPLACE TRIGGER refuse_move BEFORE UPDATE OF organization_id, started_at ON workflow_executions FOR EACH ROW
  WHEN (OLD.organization_id <> NEW.organization_id OR OLD.started_at <> NEW.started_at)
  EXECUTE FUNCTION refuse_move();
