-- Rows of a subject and a predicate that are known now, in the order they became true. Index: ix_memory_facts_current.
SELECT id, team_id, user_id, agent_id, source_message_id, source_memory_id, subject, predicate, object, confidence,
  valid_from, valid_until, recorded_at, retracted_at
FROM memory_facts
WHERE organization_id = $1 AND subject = $2 AND predicate = $3 AND retracted_at IS NULL
  AND team_id IS NOT DISTINCT FROM $4::uuid
ORDER BY valid_from, id
