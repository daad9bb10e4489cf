-- The closest rows of a small scope, by looking at each; with their kind, and how many rows of it the scope has. The
-- distance plus zero keeps the vector index, which knows nothing of scopes, out of the plan.
-- Index: the scope's own (ix_{table}_user, ix_{table}_agent, ...), else uq_{table}_organization_id_ordinal.
(SELECT t.ordinal, 1 - (t.embedding <=> {vector}) AS cosine, '{kind}' AS kind, count(*) OVER () AS rows
 FROM {table} t
 WHERE t.organization_id = $1 AND {scope}
 ORDER BY (t.embedding <=> {vector}) + 0 NULLS LAST LIMIT {limit})
