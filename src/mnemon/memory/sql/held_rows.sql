-- Rows as recall holds them in the process, one row a table, each column packed in the order of the ordinals; and the
-- snapshot that they were read in.
-- Index: uq_{table}_organization_id_ordinal, or the scope's own.
(SELECT '{kind}' AS kind, count(*) AS rows,
   {snapshot} AS snapshot,
   string_agg(int8send(r.ordinal), '') AS ordinal,
   string_agg(coalesce(halfvec_send(r.embedding), {nothing}), '') AS embedding,
   string_agg(float8send(extract(epoch FROM r.occurred_at)::float8), '') AS occurred_at,
   string_agg(float8send(extract(epoch FROM coalesce(r.expires, 'infinity'))::float8), '') AS expires_at,
   string_agg(int4send(length(r.search_vector)), '') AS terms,
   string_agg(array_to_string(tsvector_to_array(r.search_vector), E'\x1f'), E'\x1e') AS lexemes,
   string_agg(int4send((right(rtrim(r.content), 1) = '?')::int), '') AS asks,
   string_agg(uuid_send(coalesce(r.heard, r.speaker_agent, {nobody})), '') AS heard,
   string_agg(uuid_send(coalesce(r.user_id, {nobody})), '') AS "user",
   string_agg(uuid_send(coalesce(r.sender, {nobody})), '') AS sender,
   string_agg(uuid_send(coalesce(r.conversation_id, {nobody})), '') AS conversation,
   {arrays}
 FROM (
   SELECT t.ordinal, t.embedding, t.occurred_at, {expires} AS expires, t.search_vector, t.content, t.user_id,
     t.conversation_id, {heard} AS heard, {speaker_agent} AS speaker_agent, {sender} AS sender,
     {columns}
   FROM {table} t
   WHERE t.organization_id = $1 AND {scope}
   ORDER BY t.ordinal OFFSET 0
 ) r)
