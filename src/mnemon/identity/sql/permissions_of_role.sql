-- The names of the permissions of a role ($2) of an organisation ($1), with those it inherits. One row a permission.
-- Indexes: pk_roles, pk_role_permissions, pk_permissions.
WITH RECURSIVE held AS (
  SELECT r.id, r.parent_role_id FROM roles r WHERE r.organization_id = $1 AND r.id = $2 AND r.deleted_at IS NULL
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
