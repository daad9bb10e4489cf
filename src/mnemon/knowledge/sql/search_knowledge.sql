-- Items that have the words $2, in each of the languages $10, best first: rank, then confidence, then the newest. What a parameter does not ask for
-- is null, and with custom plans its condition is gone. A word that very many items have is not ranked through all of
-- them: of the newest $9 only. Index: ix_knowledge_items_search (leakproof operator), under row-level security too. It
-- knows of no phrases; they are looked at beside it, in coalesce() for the estimate.
WITH found AS MATERIALIZED (
  SELECT t.id, t.domain, t.source_agent_id, t.confidence, t.tags, t.version, t.created_at, t.updated_at,
    t.search_vector
  FROM knowledge_items t
  WHERE t.organization_id = $1 AND t.deleted_at IS NULL
    AND {match}(words_query($2, $10::text[]))
    AND coalesce(t.search_vector @@ words_query($2, $10::text[]), false)
    AND ($3::text IS NULL OR t.domain = $3)
    AND ($4::uuid IS NULL OR t.source_agent_id = $4)
    AND ($5::text[] IS NULL OR t.tags @> $5)
    AND ($6::text[] IS NULL OR t.tags && $6)
    AND ($7::numeric IS NULL OR t.confidence >= $7)
  ORDER BY t.created_at DESC, t.id DESC
  LIMIT $9
), best AS (
  SELECT f.*, ts_rank(f.search_vector, words_query($2, $10::text[]), 1)::float8 AS rank FROM found f
  ORDER BY rank DESC, f.confidence DESC NULLS LAST, f.created_at DESC, f.id
  LIMIT $8
)
SELECT b.id, b.domain, t.content::text AS content, b.source_agent_id, b.confidence, b.tags, b.version, b.created_at,
  b.updated_at, b.rank
FROM best b JOIN knowledge_items t ON t.organization_id = $1 AND t.id = b.id
ORDER BY b.rank DESC, b.confidence DESC NULLS LAST, b.created_at DESC, b.id
