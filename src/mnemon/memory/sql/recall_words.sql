-- What recall plans with, on every row: rows in the indexes, mean words of a session, which tables have anything; and
-- for each word of a question: its lexemes, how many indexed rows have them, and the participants called by it: those
-- of the conversation $3, if one is given; of a speaker, who is no user, the MD5 of the name is the id. Read in every
-- language that the organisation has, words come once in English (null) and once in each other, and what stands after
-- the $4 words is the whole question, where it may have more than words: identifiers, emoji, scripts without spaces.
-- With them whether a copy of a scope may be behind: the server it was read from, whether a row or who may see a
-- conversation has changed since the oldest transaction that its snapshot, {version}, did not see; how often something
-- was erased, and the teams and conversations that {user} or {agent} is in.
-- Indexes: pk_recall_statistics, pk_recall_terms, uq_participant_names (by name), uq_*_organization_id_ordinal,
-- ix_*_changed, ix_conversation_participants_user.
SELECT coalesce(s.indexed, 0) AS indexed, coalesce(s.session_terms, 0) AS session_terms,
  EXISTS (SELECT FROM messages t WHERE t.organization_id = $1) AS message,
  EXISTS (SELECT FROM memories t WHERE t.organization_id = $1) AS memory,
  pg_postmaster_start_time()::text AS server, extract(epoch FROM now())::float8 AS now,
  greatest(
    (SELECT t.changed FROM messages t WHERE t.organization_id = $1 AND t.changed IS NOT NULL
     ORDER BY t.changed DESC LIMIT 1),
    (SELECT t.changed FROM memories t WHERE t.organization_id = $1 AND t.changed IS NOT NULL
     ORDER BY t.changed DESC LIMIT 1)
  ) >= pg_snapshot_xmin({version}::text::pg_snapshot)::text::bigint AS changed,
  (SELECT t.changed FROM conversations t WHERE t.organization_id = $1 AND t.changed IS NOT NULL
   ORDER BY t.changed DESC LIMIT 1) >= pg_snapshot_xmin({version}::text::pg_snapshot)::text::bigint AS moved,
  concat_ws(' ', coalesce(s.erased, 0),
    (SELECT count(*) || ' ' || max(p.joined_at) FROM conversation_participants p
     WHERE p.organization_id = $1 AND p.user_id = {user}),
    (SELECT a.team_id || ' ' || (a.deleted_at IS NULL) FROM agents a WHERE a.organization_id = $1 AND a.id = {agent})
  ) AS mark,
  w.place::int AS place, s.languages, {language} AS language, l.lexemes,
  ARRAY(
    SELECT coalesce(r.documents, 0) FROM unnest(l.lexemes) WITH ORDINALITY AS u(lexeme, n)
    LEFT JOIN recall_terms r ON r.organization_id = $1 AND r.lexeme = u.lexeme ORDER BY u.n
  ) AS documents,
  ARRAY(
    SELECT coalesce(p.user_id, p.agent_id, md5(p.speaker)::uuid) FROM participant_names p
    WHERE p.organization_id = $1 AND p.name = w.word AND {language} IS NULL
      AND ($3::uuid IS NULL OR p.agent_id IS NOT NULL OR EXISTS (
        SELECT FROM conversation_participants c
        WHERE c.organization_id = $1 AND c.conversation_id = $3 AND c.user_id = p.user_id
      ) OR EXISTS (
        SELECT FROM conversation_sessions c
        WHERE c.organization_id = $1 AND c.conversation_id = $3 AND c.speaker_ids @> ARRAY[md5(p.speaker)::uuid]
      ))
    LIMIT 20
  ) AS participants
FROM (SELECT 1) one
LEFT JOIN recall_statistics s ON s.organization_id = $1
LEFT JOIN unnest($2::text[]) WITH ORDINALITY AS w(word, place) ON true
{readings}
LEFT JOIN LATERAL (SELECT {lexemes} AS lexemes) l ON w.word IS NOT NULL
