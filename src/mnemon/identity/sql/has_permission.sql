-- Whether a person ($2) of an organisation ($1) has a permission ($4 resource, $5 action) at a moment ($3), by a role
-- that was given, has not expired, or that such a role inherits from. One boolean.
-- Indexes: pk_user_roles, pk_roles, pk_role_permissions, uq_permissions_resource_action.
{held}SELECT EXISTS (
  SELECT FROM permissions p
  JOIN role_permissions rp ON rp.organization_id = $1 AND rp.permission_id = p.id
  WHERE p.resource = $4 AND p.action = $5 AND rp.role_id IN (SELECT id FROM held)
)
