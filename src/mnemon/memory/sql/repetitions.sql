-- Finds the memories that say already what is to be remembered, by its place from 1: current, to be seen, of the same
-- owner, place and labels, and true at the same time; without a time, true at $16. The key is computed before it is
-- compared: a function that may leak would keep the policy from the index. A text in $17 parts is found by its first one,
-- and then compared as a whole ($18), letter by letter. Indexes: ix_memories_repetition, ix_memories_whole.
WITH n AS MATERIALIZED (
  SELECT n.*, {new} AS form, md5({new})::uuid AS key
  FROM unnest($2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $17::int[],
    $18::text[])
    WITH ORDINALITY AS n(content, user_id, agent_id, team_id, conversation_id, memory_type, category, title, subject,
      tags, metadata, at, valid_until, expires_at, parts, whole, place)
)
SELECT n.place::int AS place, said.id
FROM n CROSS JOIN LATERAL (
  SELECT t.id FROM memories t
  WHERE t.organization_id = $1 AND t.repetition_key = n.key AND {old} = n.form
    AND t.user_id IS NOT DISTINCT FROM n.user_id AND t.agent_id IS NOT DISTINCT FROM n.agent_id
    AND t.team_id IS NOT DISTINCT FROM n.team_id AND t.conversation_id IS NOT DISTINCT FROM n.conversation_id
    AND t.memory_type = n.memory_type::memory_type_enum AND t.category = n.category
    AND t.title IS NOT DISTINCT FROM n.title AND t.subject IS NOT DISTINCT FROM n.subject
    AND to_jsonb(t.tags) @> n.tags::jsonb AND to_jsonb(t.tags) <@ n.tags::jsonb AND t.metadata = n.metadata::jsonb
    AND t.valid_until IS NOT DISTINCT FROM n.valid_until AND t.expires_at IS NOT DISTINCT FROM n.expires_at
    AND (t.occurred_at = n.at OR (n.at IS NULL AND (t.valid_until IS NULL OR t.valid_until > $16)
      AND t.occurred_at <= greatest($16, clock_timestamp()) + interval '1 minute'))  -- clocks of two processes differ
    AND t.deleted_at IS NULL AND t.superseded_at IS NULL AND {alive} AND {seen}
    AND t.parts IS NOT DISTINCT FROM n.parts AND coalesce(t.part, 1) = 1
    AND (n.whole IS NULL OR n.whole = (SELECT string_agg(p.content, '' ORDER BY p.part) FROM memories p
      WHERE p.organization_id = $1 AND p.whole_id = t.id))
  ORDER BY t.created_at, t.id
  LIMIT 1
) said
