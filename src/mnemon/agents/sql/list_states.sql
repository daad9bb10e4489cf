-- Snapshots of an agent ($2), the newest first; of one kind ($3), taken before or at a moment ($4 before, $5 at),
-- after the place ($6, $7). Index: ix_agent_states_agent, in as many partitions as it takes.
SELECT id, agent_id, checkpoint_type, state_data::text AS state_data, created_at
FROM agent_states
WHERE organization_id = $1 AND agent_id = $2 AND ($3::text IS NULL OR checkpoint_type = $3)
  AND ($4::timestamptz IS NULL OR created_at < $4) AND ($5::timestamptz IS NULL OR created_at <= $5)
  AND ($6::timestamptz IS NULL OR (created_at, id) < ($6, $7::uuid))
ORDER BY created_at DESC, id DESC
LIMIT $8
