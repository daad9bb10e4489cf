-- Ends a memory where its correction begins: known until now, true until $4. Index: pk_memories.
UPDATE memories
SET superseded_by = $3, superseded_at = now(), status = 'superseded',
    valid_until = greatest(occurred_at, least(coalesce(valid_until, $4::timestamptz), $4::timestamptz))
WHERE organization_id = $1 AND id = $2
