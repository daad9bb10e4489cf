-- Begins a transfer of an item that is alive, by the item's own agent if $3 is null: its id, nothing without the item.
-- Index: pk_knowledge_items.
INSERT INTO knowledge_transfers (organization_id, knowledge_id, source_agent_id, target_agent_id, transfer_method)
SELECT $1, k.id, coalesce($3, k.source_agent_id), $4, $5
FROM knowledge_items k
WHERE k.organization_id = $1 AND k.id = $2 AND k.deleted_at IS NULL
RETURNING id
