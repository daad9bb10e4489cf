-- Writes the memory that corrects another: what is not said anew is taken over. Index: pk_memories.
INSERT INTO memories (
  organization_id, id, user_id, team_id, agent_id, conversation_id, memory_type, category, title, subject, content,
  importance, confidence, is_pinned, tier, source_type, source, source_message_ids, extraction_model, occurred_at,
  expires_at, tags, metadata, related_to, embedding, embedding_status, embedding_model, embedding_updated_at
)
SELECT m.organization_id, $3, m.user_id, m.team_id, m.agent_id, m.conversation_id, m.memory_type, m.category, m.title,
  m.subject, $4, coalesce($8::int, m.importance), coalesce($9::float8, m.confidence), coalesce($10, m.is_pinned),
  coalesce($11::text::memory_tier, m.tier), m.source_type, m.source, m.source_message_ids, m.extraction_model, $5,
  m.expires_at, coalesce($12::text::text[], m.tags), coalesce($13::text::jsonb, m.metadata), m.related_to,
  $6::halfvec, CASE WHEN $6::halfvec IS NULL THEN 'empty' ELSE 'ready' END, $7::text,
  CASE WHEN $6::halfvec IS NULL THEN NULL ELSE now() END
FROM memories m WHERE m.organization_id = $1 AND m.id = $2
