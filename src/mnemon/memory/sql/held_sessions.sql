-- Sessions by number: how many words they have, and who spoke. Index: uq_conversation_sessions_organization_id_number.
SELECT string_agg(int8send(s.number), '') AS number, string_agg(int4send(s.term_count), '') AS terms,
  string_agg(int4send(cardinality(s.speaker_ids)), '') AS speakers,
  string_agg((SELECT coalesce(string_agg(uuid_send(u), ''), '') FROM unnest(s.speaker_ids) u), '') AS ids
FROM conversation_sessions s
WHERE s.organization_id = $1 AND s.number = ANY($2::bigint[])
