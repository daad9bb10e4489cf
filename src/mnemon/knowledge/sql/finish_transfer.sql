-- Ends a transfer that is under way: its id, or nothing if it has ended or there is none.
-- Index: pk_knowledge_transfers.
UPDATE knowledge_transfers SET success = $3, error_message = $4, completed_at = greatest(now(), created_at)
WHERE organization_id = $1 AND id = $2 AND completed_at IS NULL AND deleted_at IS NULL
RETURNING id
