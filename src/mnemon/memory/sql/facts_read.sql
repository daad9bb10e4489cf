-- Facts that a predicate holds for. Indexes: ix_memory_facts_subject, or ix_memory_facts_predicate without a subject.
SELECT t.id, t.team_id, t.user_id, t.agent_id, t.source_message_id, t.source_memory_id, t.subject, t.predicate,
  t.object, t.confidence, t.valid_from, t.valid_until, t.recorded_at, t.retracted_at
FROM memory_facts t
WHERE t.organization_id = $1 AND {which}
ORDER BY {order}
LIMIT $2
