-- Makes conversations by the caller's own strings; those that exist stay as they are.
-- Index: uq_conversations_organization_id_external_id.
INSERT INTO conversations (organization_id, external_id, name, type, team_id, agent_id, user_id, created_by)
SELECT $1, n.external_id, n.name, n.type, n.team_id, n.agent_id, n.user_id, n.created_by
FROM unnest($2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[])
  AS n(external_id, name, type, team_id, agent_id, user_id, created_by)
ORDER BY n.external_id
ON CONFLICT (organization_id, external_id) DO NOTHING
