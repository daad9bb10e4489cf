-- Changes what may change in place, in a row or in all parts of a text: the updatable columns, not the content.
-- Index: pk_memories.
UPDATE memories
SET {assignments}
WHERE organization_id = $1 AND id = ANY($2::uuid[])
