-- Ends an entity that was merged. Index: pk_entities.
UPDATE entities SET deleted_at = now(), merged_into = $3 WHERE organization_id = $1 AND id = $2
