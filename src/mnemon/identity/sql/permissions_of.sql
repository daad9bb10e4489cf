-- The names of the permissions that a person ($2) of an organisation ($1) has at a moment ($3): of every role that has
-- been given and has not expired, and of the roles those inherit from. One row a permission.
-- Indexes: pk_user_roles, pk_roles, pk_role_permissions, pk_permissions.
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
SELECT DISTINCT p.name
FROM held h
JOIN role_permissions rp ON rp.organization_id = $1 AND rp.role_id = h.id
JOIN permissions p ON p.id = rp.permission_id
