-- Ends a memory, with all its parts, where its correction begins: known until now, true until $4 at the latest. What was
-- said of its end before stays as it was said. Index: pk_memories.
UPDATE memories
SET superseded_by = $3, superseded_at = now(), status = 'superseded',
    superseded_from = greatest(occurred_at, $4::timestamptz)
WHERE organization_id = $1 AND id = ANY($2::uuid[])
