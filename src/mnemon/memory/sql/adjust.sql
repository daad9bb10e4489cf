-- Changes what may change in place: everything but the content. Index: pk_memories.
UPDATE memories
SET importance = coalesce($3::int, importance), confidence = coalesce($4::float8, confidence),
    is_pinned = coalesce($5, is_pinned), tier = coalesce($6::text::memory_tier, tier),
    tags = coalesce($7::text::text[], tags), metadata = coalesce($8::text::jsonb, metadata)
WHERE organization_id = $1 AND id = $2
