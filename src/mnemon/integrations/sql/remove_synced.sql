-- Deletes softly what the provider has no more; returns the ids. Index: the unique key on the provider's id.
UPDATE {table} SET deleted_at = now()
WHERE organization_id = $1 AND user_id = $2 AND integration_id = $3 AND {key} = ANY($4::text[]) AND deleted_at IS NULL
RETURNING id
