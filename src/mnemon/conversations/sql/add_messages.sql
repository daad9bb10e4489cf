-- Writes messages, one array a column. What their sources brought before was left out under the conversation's lock; a
-- race with another conversation fails at uq_messages_source and is tried again, which is cheaper for the others than
-- ON CONFLICT.
INSERT INTO messages (
  organization_id, id, conversation_id, user_id, team_id, agent_id, sender_id, role, content, tags, metadata,
  source, source_id, occurred_at, ordinal, follows_question, embedding, embedding_status, embedding_model,
  model, token_count, tool_calls, tool_results, content_type
)
SELECT $1, n.id, n.conversation_id, n.user_id, n.team_id, n.agent_id, n.sender_id, n.role::message_role, n.content,
  n.tags::text[], n.metadata::jsonb, n.source, n.source_id, n.occurred_at, n.ordinal, n.follows_question,
  n.embedding, CASE WHEN n.embedding IS NULL THEN 'empty' ELSE 'ready' END,
  CASE WHEN n.embedding IS NOT NULL THEN $2::text END,
  n.model, n.token_count, n.tool_calls::jsonb, n.tool_results::jsonb,
  CASE n.role WHEN 'assistant' THEN 'ai' WHEN 'system' THEN 'system' ELSE 'text' END
FROM unnest(
  $3::text::uuid[], $4::text::text[], $5::text::text[], $6::text::text[], $7::text::text[], $8::text::text[],
  $9::text::text[], $10::text::text[], $11::text::int[], $12::text::text[], $13::text::text[],
  $14::halfvec[],
  $15::uuid[], $16::uuid[], $17::uuid[], $18::uuid[], $19::uuid[], $20::timestamptz[], $21::boolean[], $22::bigint[]
) AS n(
  id, role, content, tags, metadata, source, source_id, model, token_count, tool_calls, tool_results,
  embedding,
  conversation_id, user_id, team_id, agent_id, sender_id, occurred_at, follows_question, ordinal
)
