-- Writes messages, one array a column (conversations/columns.py has them). What their sources brought before was left
-- out under the conversation's lock; a race with another conversation fails at uq_messages_source and is tried again,
-- which is cheaper for the others than ON CONFLICT.
INSERT INTO messages (
  organization_id, embedding_status, embedding_model, content_type,
  {columns}
)
SELECT $1, CASE WHEN n.embedding IS NULL THEN 'empty' ELSE 'ready' END,
  CASE WHEN n.embedding IS NOT NULL THEN $2::text END,
  CASE n.role WHEN 'assistant' THEN 'ai' WHEN 'system' THEN 'system' ELSE 'text' END,
  {values}
FROM unnest(
  {arrays}
) AS n(
  {columns}
)
