-- Adds a capability ($3) to an agent ($2), or gives it another level; returns it.
-- Index: uq_agent_capabilities_organization_id_agent_id_capability.
INSERT INTO agent_capabilities (organization_id, agent_id, capability, proficiency_level)
VALUES ($1, $2, $3, $4::float8::numeric(3, 2))
ON CONFLICT (organization_id, agent_id, capability) DO UPDATE
SET proficiency_level = excluded.proficiency_level, deleted_at = NULL
RETURNING id, agent_id, capability, proficiency_level::float8 AS proficiency_level, version
