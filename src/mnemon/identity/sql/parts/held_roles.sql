-- held: the roles that were given, and those that they inherit from. Index: pk_roles.
WITH RECURSIVE held AS (
{given}
  UNION
  SELECT r.id, r.parent_role_id
  FROM held h
  JOIN roles r ON r.organization_id = $1 AND r.id = h.parent_role_id
  WHERE r.deleted_at IS NULL
)
