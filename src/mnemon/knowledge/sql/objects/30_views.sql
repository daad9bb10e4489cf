-- object: view knowledge_transfer_history
-- Transfers with what was passed on and the names of who passed it to whom (REQ-T148). The reader's policies hold.
CREATE OR REPLACE VIEW knowledge_transfer_history WITH (security_invoker = true) AS
SELECT t.organization_id, t.id, t.knowledge_id, k.domain, k.content ->> 'title' AS title, t.source_agent_id,
  s.name AS source_agent, t.target_agent_id, g.name AS target_agent, t.transfer_method, t.success, t.error_message,
  t.created_at, t.completed_at, t.version
FROM knowledge_transfers t
JOIN knowledge_items k ON k.organization_id = t.organization_id AND k.id = t.knowledge_id
JOIN agents s ON s.organization_id = t.organization_id AND s.id = t.source_agent_id
JOIN agents g ON g.organization_id = t.organization_id AND g.id = t.target_agent_id
WHERE t.deleted_at IS NULL;
GRANT SELECT ON knowledge_transfer_history TO mnemon_app;
