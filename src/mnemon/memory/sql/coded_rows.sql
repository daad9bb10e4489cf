-- Rows as recall codes them, in the order of their ordinals, each column packed; the snapshot that they were read in, and
-- the server. A row without a vector has {nothing}; the words of all rows stand one after the other.
-- Index: uq_{table}_organization_id_ordinal.
(SELECT '{kind}' AS kind, count(*) AS rows, {snapshot} AS snapshot, pg_postmaster_start_time()::text AS server,
   string_agg(int8send(r.ordinal), '') AS ordinal,
   string_agg(coalesce(halfvec_send(r.embedding), {nothing}), '') AS embedding,
   string_agg(int4send(greatest(least(floor(r.minute), 2147483647), -2147483648)::int), '') AS minutes,
   string_agg(int4send(length(r.search_vector)), '') AS terms,
   string_agg(nullif(array_to_string(tsvector_to_array(r.search_vector), E'\x1f'), ''), E'\x1f') AS lexemes
 FROM (
   SELECT t.ordinal, t.embedding, extract(epoch FROM t.occurred_at)::float8 / 60 AS minute, t.search_vector
   FROM {table} t
   WHERE t.organization_id = $1 AND {which} AND {scope}
   ORDER BY t.ordinal LIMIT {limit}
 ) r)
