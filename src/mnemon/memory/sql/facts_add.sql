-- Records facts, one array a column, and returns them.
INSERT INTO memory_facts (
  organization_id, id, team_id, user_id, agent_id, source_message_id, source_memory_id, subject, predicate, object,
  confidence, valid_from, valid_until, recorded_at
)
SELECT $1, n.*, $14::timestamptz
FROM unnest(
  $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[],
  $11::float8[], $12::timestamptz[], $13::timestamptz[]
) AS n
RETURNING id, team_id, user_id, agent_id, source_message_id, source_memory_id, subject, predicate, object, confidence,
  valid_from, valid_until, recorded_at, retracted_at
