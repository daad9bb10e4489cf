-- Marks a batch of rows as indexed, which puts them into the vector index, and counts their words; returns how many.
-- Rows that another caller has taken are passed over; words are counted in one order, so that two callers wait for each
-- other and do not deadlock. Index: ix_{table}_tail.
WITH taken AS (
  SELECT ctid, tableoid, ordinal FROM {table}
  WHERE organization_id = $1 AND NOT is_indexed
  ORDER BY ordinal LIMIT $2
  FOR NO KEY UPDATE SKIP LOCKED
), marked AS (
  UPDATE {table} t SET is_indexed = true
  FROM taken WHERE t.organization_id = $1 AND t.ordinal = taken.ordinal
  RETURNING t.search_vector
), counted AS (
  INSERT INTO recall_terms (organization_id, lexeme, documents)
  SELECT $1, w.lexeme, w.documents FROM (
    SELECT u.lexeme, count(*) AS documents FROM marked, unnest(marked.search_vector) AS u
    GROUP BY u.lexeme ORDER BY u.lexeme
  ) w
  ON CONFLICT (organization_id, lexeme) DO UPDATE SET documents = recall_terms.documents + excluded.documents
)
SELECT count(*)::int FROM marked
