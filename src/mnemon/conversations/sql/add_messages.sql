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
  n.embedding, CASE WHEN n.embedding IS NULL THEN 'empty' ELSE 'ready' END, n.embedding_model,
  n.model, n.token_count, n.tool_calls::jsonb, n.tool_results::jsonb,
  CASE n.role WHEN 'assistant' THEN 'ai' WHEN 'system' THEN 'system' ELSE 'text' END
FROM unnest(
  $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[],
  $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::bigint[], $16::boolean[], $17::halfvec[],
  $18::text[], $19::text[], $20::int[], $21::text[], $22::text[]
) AS n(
  id, conversation_id, user_id, team_id, agent_id, sender_id, role, content, tags, metadata, source, source_id,
  occurred_at, ordinal, follows_question, embedding, embedding_model, model, token_count, tool_calls, tool_results
)
