-- The latest rows of a scope: what a search falls back on when words and meaning say too little.
-- Index: ix_{table}_occurred, or the scope's own.
(SELECT t.ordinal, t.occurred_at FROM {table} t
 WHERE t.organization_id = $1 AND {scope}
 ORDER BY t.occurred_at DESC, t.id DESC LIMIT {limit})
