  -- A role ($2) of an organisation ($1). Index: pk_roles.
  SELECT r.id, r.parent_role_id FROM roles r WHERE r.organization_id = $1 AND r.id = $2 AND r.deleted_at IS NULL
