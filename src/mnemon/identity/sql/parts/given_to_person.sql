  -- Roles of a person ($2) of an organisation ($1) that have not expired at a moment ($3). Indexes: pk_user_roles, pk_roles.
  SELECT r.id, r.parent_role_id
  FROM user_roles ur
  JOIN roles r ON r.organization_id = ur.organization_id AND r.id = ur.role_id
  WHERE ur.organization_id = $1 AND r.organization_id = $1 AND ur.user_id = $2
    AND (ur.expires_at IS NULL OR ur.expires_at > $3) AND r.deleted_at IS NULL
