-- Messages that have the words $2, in each of the languages $9, best first, of conversations that the reader sees; of a
-- text in parts the best one. What a parameter does not ask for is null, and with custom plans its condition is gone. A
-- word that very many messages have is not ranked through all of them: of the newest $8 only.
-- Index: ix_messages_search (leakproof operator), under row-level security too. It knows of no phrases; they are looked
-- at beside it, in coalesce() for the estimate: twice the same condition would be thought twice as rare.
WITH found AS MATERIALIZED (
  SELECT t.id, t.conversation_id, t.role::text AS role, t.sender_id, t.agent_id, t.content, t.tags, t.occurred_at,
    t.search_vector, coalesce(t.whole_id, t.id) AS whole_id
  FROM messages t
  JOIN conversations c ON c.organization_id = $1 AND c.id = t.conversation_id AND c.deleted_at IS NULL
  WHERE t.organization_id = $1 AND t.deleted_at IS NULL
    AND {match}(words_query($2, $9::text[]))
    AND coalesce(t.search_vector @@ words_query($2, $9::text[]), false)
    AND ($3::uuid IS NULL OR t.conversation_id = $3)
    AND ($4::uuid IS NULL OR t.sender_id = $4)
    AND ($5::timestamptz IS NULL OR t.occurred_at >= $5)
    AND ($6::timestamptz IS NULL OR t.occurred_at < $6)
    AND {seen}
  ORDER BY t.occurred_at DESC, t.id DESC
  LIMIT $8
)
SELECT s.id, s.conversation_id, s.role, s.sender_id, s.agent_id, s.content, s.tags, s.occurred_at, s.score
FROM (
  SELECT DISTINCT ON (f.whole_id) f.*,
    ts_rank_cd(f.search_vector, words_query($2, $9::text[]))::float8 AS score
  FROM found f
  ORDER BY f.whole_id, score DESC, f.id
) s
ORDER BY s.score DESC, s.occurred_at DESC, s.id
LIMIT $7
