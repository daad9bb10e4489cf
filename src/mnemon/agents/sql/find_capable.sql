-- Agents that can do something ($2) at least so well ($3), the best first. Index: ix_agent_capabilities_capability.
SELECT c.agent_id, a.name, a.status::text AS status, c.proficiency_level::float8 AS proficiency_level
FROM agent_capabilities c
JOIN agents a ON a.organization_id = c.organization_id AND a.id = c.agent_id
WHERE c.organization_id = $1 AND a.organization_id = $1 AND c.capability = $2
  AND c.proficiency_level >= $3::float8::numeric AND c.deleted_at IS NULL AND a.deleted_at IS NULL
ORDER BY c.proficiency_level DESC, a.name
LIMIT $4
