-- A page of transfers, newest first, after the place ($4, $5): of the item $2, and given or got by the agent $3.
-- Indexes: ix_knowledge_transfers_knowledge, _source, _target, or _created for all of them.
SELECT t.id, t.knowledge_id, t.domain, t.title, t.source_agent_id, t.source_agent, t.target_agent_id, t.target_agent,
  t.transfer_method, t.success, t.error_message, t.created_at, t.completed_at, t.version
FROM knowledge_transfer_history t
WHERE t.organization_id = $1
  AND ($2::uuid IS NULL OR t.knowledge_id = $2)
  AND ($3::uuid IS NULL OR t.source_agent_id = $3 OR t.target_agent_id = $3)
  AND ($4::timestamptz IS NULL OR (t.created_at, t.id) < ($4, $5::uuid))
ORDER BY t.created_at DESC, t.id DESC
LIMIT $6
