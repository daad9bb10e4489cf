-- One transfer with the names of what and who it is about. Index: pk_knowledge_transfers.
SELECT t.id, t.knowledge_id, t.domain, t.title, t.source_agent_id, t.source_agent, t.target_agent_id, t.target_agent,
  t.transfer_method, t.success, t.error_message, t.created_at, t.completed_at, t.version
FROM knowledge_transfer_history t
WHERE t.organization_id = $1 AND t.id = $2
