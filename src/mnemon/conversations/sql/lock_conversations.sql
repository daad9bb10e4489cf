-- Locks conversations in the order of their ids. Index: uq_conversations_organization_id_external_id.
SELECT id, external_id, deleted_at IS NOT NULL AS is_deleted FROM conversations
WHERE organization_id = $1 AND external_id = ANY($2::text[])
ORDER BY id FOR NO KEY UPDATE
