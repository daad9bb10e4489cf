-- Rows of a subject and a predicate that are known now and may be seen, in the order they became true.
-- Index: ix_memory_facts_current.
SELECT t.id, t.team_id, t.user_id, t.agent_id, t.source_message_id, t.source_memory_id, t.subject, t.predicate,
  t.object, t.confidence, t.valid_from, t.valid_until, t.recorded_at, t.retracted_at
FROM memory_facts t
WHERE t.organization_id = $1 AND t.subject = $2 AND t.predicate = $3 AND t.retracted_at IS NULL
  AND t.team_id IS NOT DISTINCT FROM $4::uuid AND {seen}
ORDER BY t.valid_from, t.id
