-- The next rows of a table in the order of their keys, after the place $2, with the beginning of what they are written in.
-- Index: uq_{table}_organization_id_ordinal, or the primary key.
SELECT t.id, t.{key}::text AS place, left({text}, $4) AS text, {talk} AS talk, t.language IS NULL AS is_unknown
FROM {table} t
WHERE t.organization_id = $1 AND ($2::text IS NULL OR t.{key} > $2::text::{type})
ORDER BY t.{key}
LIMIT $3
