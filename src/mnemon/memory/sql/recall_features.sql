-- What is known of each candidate before it is scored.
-- Indexes: uq_{table}_organization_id_ordinal, uq_conversation_sessions_organization_id_number.
(SELECT t.ordinal, 1 - (t.embedding <=> {vector}) AS cosine, {sender} AS sender, {speaker_agent} AS speaker_agent,
   t.occurred_at, length(t.search_vector) AS terms, right(rtrim(t.content), 1) = '?' AS asks,
   {follows_question} AS follows_question, {text} AS content, {importance} AS importance, {is_pinned} AS is_pinned,
   {tier} AS tier, {conversation_id} AS conversation_id, t.user_id,
   coalesce(s.term_count, length(t.search_vector)) AS session_terms, s.speaker_ids, s.started_at
 FROM {table} t
 LEFT JOIN conversation_sessions s ON s.organization_id = $1 AND s.number = t.ordinal >> 16
 WHERE t.organization_id = $1 AND t.ordinal = ANY({ordinals}) AND {scope})
