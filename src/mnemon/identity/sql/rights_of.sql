-- What a person ($2) of an organisation ($1) may do at a moment ($3), as permissions_of has it, and the teams they belong
-- to: one row, in one round trip, because every request that signs in asks for both.
-- Indexes: pk_user_roles, pk_roles, pk_role_permissions, pk_permissions, uq_team_memberships_organization_id_user_id.
WITH RECURSIVE held AS (
  SELECT r.id, r.parent_role_id
  FROM user_roles ur
  JOIN roles r ON r.organization_id = ur.organization_id AND r.id = ur.role_id
  WHERE ur.organization_id = $1 AND r.organization_id = $1 AND ur.user_id = $2
    AND (ur.expires_at IS NULL OR ur.expires_at > $3) AND r.deleted_at IS NULL
  UNION
  SELECT r.id, r.parent_role_id
  FROM held h
  JOIN roles r ON r.organization_id = $1 AND r.id = h.parent_role_id
  WHERE r.deleted_at IS NULL
)
SELECT
  ARRAY(
    SELECT DISTINCT p.name
    FROM held h
    JOIN role_permissions rp ON rp.organization_id = $1 AND rp.role_id = h.id
    JOIN permissions p ON p.id = rp.permission_id
  ) AS permissions,
  ARRAY(SELECT t.team_id FROM team_memberships t WHERE t.organization_id = $1 AND t.user_id = $2) AS team_ids
