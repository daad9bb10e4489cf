-- The closest rows of a large tenant: those in the vector index, and the not yet indexed tail looked at one by one.
-- Indexes: ix_{table}_embedding, ix_{table}_tail.
(SELECT t.ordinal, 1 - (t.embedding <=> {vector}) AS cosine, NULL::bigint AS rows
 FROM {table} t
 WHERE t.organization_id = $1 AND t.is_indexed AND {scope}
 ORDER BY t.embedding <=> {vector} LIMIT {limit})
UNION ALL
(SELECT t.ordinal, 1 - (t.embedding <=> {vector}) AS cosine, NULL::bigint AS rows
 FROM {table} t
 WHERE t.organization_id = $1 AND NOT t.is_indexed AND {scope}
 ORDER BY (t.embedding <=> {vector}) + 0 NULLS LAST LIMIT {limit})
