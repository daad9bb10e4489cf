-- Messages that have the words $2, best first, of conversations that the reader ($7 with the teams $8, or the agent $9;
-- neither: the organisation) sees. What a parameter does not ask for is null, and with custom plans its condition is
-- gone. A word that very many messages have is not ranked through all of them: of the newest $11 only.
-- Index: ix_messages_search (leakproof operator), under row-level security too.
WITH found AS MATERIALIZED (
  SELECT t.id, t.conversation_id, t.role::text AS role, t.sender_id, t.agent_id, t.content, t.tags, t.occurred_at,
    t.search_vector
  FROM messages t
  JOIN conversations c ON c.organization_id = $1 AND c.id = t.conversation_id AND c.deleted_at IS NULL
  WHERE t.organization_id = $1 AND t.deleted_at IS NULL
    AND t.search_vector {match} websearch_to_tsquery('english'::regconfig, $2)
    AND ($3::uuid IS NULL OR t.conversation_id = $3)
    AND ($4::uuid IS NULL OR t.sender_id = $4)
    AND ($5::timestamptz IS NULL OR t.occurred_at >= $5)
    AND ($6::timestamptz IS NULL OR t.occurred_at < $6)
    AND ($7::uuid IS NULL OR t.team_id IS NULL OR t.team_id = ANY($8::uuid[]))
    AND CASE
      WHEN $7::uuid IS NOT NULL THEN (c.team_id IS NULL OR c.team_id = ANY($8::uuid[])) AND (
        NOT c.is_private OR c.team_id = ANY($8::uuid[]) OR c.user_id = $7 OR c.created_by = $7
        OR EXISTS (
          SELECT FROM conversation_participants p
          WHERE p.organization_id = $1 AND p.conversation_id = c.id AND p.user_id = $7))
      WHEN $9::uuid IS NOT NULL THEN NOT c.is_private OR c.agent_id = $9
      ELSE true END
  ORDER BY t.occurred_at DESC, t.id DESC
  LIMIT $11
)
SELECT f.id, f.conversation_id, f.role, f.sender_id, f.agent_id, f.content, f.tags, f.occurred_at,
  ts_rank_cd(f.search_vector, websearch_to_tsquery('english'::regconfig, $2))::float8 AS score
FROM found f
ORDER BY score DESC, f.occurred_at DESC, f.id
LIMIT $10
