-- Gives rows the languages that were found, and counts their words anew where recall had counted them; returns the words
-- that no indexed row has any more. Words are counted in one order, as maintenance does.
-- Indexes: the primary key, pk_recall_terms.
WITH n AS (
  SELECT * FROM unnest($2::uuid[], $3::text[]) AS n(id, language)
), before AS MATERIALIZED (
  SELECT t.id, t.search_vector FROM {table} t
  WHERE t.organization_id = $1 AND t.id = ANY($2::uuid[]) AND {indexed}
), changed AS (
  UPDATE {table} t SET language = n.language FROM n
  WHERE t.organization_id = $1 AND t.id = n.id AND t.language IS NULL
  RETURNING t.id, t.search_vector, {indexed} AS indexed
), counted AS (
  INSERT INTO recall_terms AS r (organization_id, lexeme, documents)
  SELECT $1, w.lexeme, w.documents FROM (
    SELECT u.lexeme, sum(u.documents) AS documents FROM (
      SELECT w.lexeme, 1 AS documents FROM changed c, unnest(c.search_vector) w WHERE c.indexed
      UNION ALL
      SELECT w.lexeme, -1 FROM changed c JOIN before b USING (id), unnest(b.search_vector) w WHERE c.indexed
    ) u
    GROUP BY u.lexeme HAVING sum(u.documents) <> 0 ORDER BY u.lexeme
  ) w
  ON CONFLICT (organization_id, lexeme) DO UPDATE SET documents = r.documents + excluded.documents
  RETURNING r.lexeme, r.documents
)
SELECT coalesce(array_agg(c.lexeme), '{}') FROM counted c WHERE c.documents <= 0
