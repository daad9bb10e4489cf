-- Writes memories, one array a column, and returns the ids of those that were new: the same source and source id is
-- stored once. Index: uq_memories_source.
INSERT INTO memories (
  organization_id, id, user_id, team_id, agent_id, conversation_id, memory_type, category, title, subject, content,
  importance, confidence, is_pinned, tier, source_type, source, source_id, source_message_ids, extraction_model,
  occurred_at, valid_until, expires_at, tags, metadata, embedding, embedding_status, embedding_model,
  embedding_updated_at
)
SELECT $1, n.id, n.user_id, n.team_id, n.agent_id, n.conversation_id, n.memory_type::memory_type_enum, n.category,
  n.title, n.subject, n.content, n.importance, n.confidence, n.is_pinned, n.tier::memory_tier,
  n.source_type::memory_source, n.source, n.source_id, n.source_message_ids::uuid[], n.extraction_model,
  n.occurred_at, n.valid_until, n.expires_at, n.tags::text[], n.metadata::jsonb, n.embedding,
  CASE WHEN n.embedding IS NULL THEN 'empty' ELSE 'ready' END, n.embedding_model,
  CASE WHEN n.embedding IS NULL THEN NULL ELSE now() END
FROM unnest(
  $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[],
  $11::text[], $12::int[], $13::float8[], $14::boolean[], $15::text[], $16::text[], $17::text[], $18::text[],
  $19::text[], $20::text[], $21::timestamptz[], $22::timestamptz[], $23::timestamptz[], $24::text[], $25::text[],
  $26::halfvec[], $27::text[]
) AS n(
  id, user_id, team_id, agent_id, conversation_id, memory_type, category, title, subject, content, importance,
  confidence, is_pinned, tier, source_type, source, source_id, source_message_ids, extraction_model, occurred_at,
  valid_until, expires_at, tags, metadata, embedding, embedding_model
)
ON CONFLICT (organization_id, source, source_id) WHERE source_id IS NOT NULL DO NOTHING
RETURNING id
