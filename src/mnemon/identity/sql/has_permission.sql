-- Whether a person ($2) of an organisation ($1) has a permission ($4 resource, $5 action) at a moment ($3), by a role
-- that was given, has not expired, or that such a role inherits from. One boolean.
-- Indexes: pk_user_roles, pk_roles, pk_role_permissions, uq_permissions_resource_action.
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
SELECT EXISTS (
  SELECT FROM permissions p
  JOIN role_permissions rp ON rp.organization_id = $1 AND rp.permission_id = p.id
  WHERE p.resource = $4 AND p.action = $5 AND rp.role_id IN (SELECT id FROM held)
)
