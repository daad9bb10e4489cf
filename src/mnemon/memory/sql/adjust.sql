-- Changes what may change in place: the updatable columns, not the content. Index: pk_memories.
UPDATE memories
SET {assignments}
WHERE organization_id = $1 AND id = $2
