-- Where the words of a question stand: ordinals and, for each, which of the words it has (one bit a word), as two
-- packed arrays of big-endian integers.
-- Index: ix_{table}_search, where the operator is leakproof; the scope's own for small tenants.
(SELECT string_agg(int8send(p.ordinal), '') AS ordinals, string_agg(int4send(p.words), '') AS words
 FROM (
   SELECT t.ordinal, {bits} AS words
   FROM {table} t
   WHERE t.organization_id = $1 AND {match}({any}::text::tsquery) AND {scope}
   LIMIT {limit}
 ) p)
