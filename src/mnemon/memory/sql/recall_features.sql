-- What is known of each candidate before it is scored; people as their places in the list of who is named, 0 for the
-- others. What is read as it is, memory/columns.py has.
-- Indexes: uq_{table}_organization_id_ordinal, uq_conversation_sessions_organization_id_number.
(SELECT t.ordinal, {talk} AS talk, 1 - (t.embedding <=> {vector}) AS cosine,
   coalesce(array_position({named}, coalesce({heard}, {speaker_agent})), 0) AS spoke,
   coalesce(s.speaker_ids && {named}, false) AS present, coalesce({asker} IN (t.user_id, {sender}), false) AS own,
   t.occurred_at, length(t.search_vector) AS terms, right(rtrim(t.content), 1) = '?' AS asks,
   {text} AS content, t.conversation_id = {running} AS running,
   coalesce(s.term_count, length(t.search_vector)) AS session_terms,
  {columns}
 FROM (
   -- OFFSET 0 keeps the shift, which is not leakproof, out of the join: with it policies keep the join from its index.
   SELECT t.*, t.ordinal >> 16 AS session_number FROM {table} t
   WHERE t.organization_id = $1 AND t.ordinal = ANY({ordinals}) AND {scope}
   OFFSET 0
 ) t
 LEFT JOIN conversation_sessions s ON s.organization_id = $1 AND s.number = t.session_number)
