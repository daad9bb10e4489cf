-- The names of the permissions of the roles that are held. Indexes: pk_role_permissions, pk_permissions.
SELECT DISTINCT p.name
FROM held h
JOIN role_permissions rp ON rp.organization_id = $1 AND rp.role_id = h.id
JOIN permissions p ON p.id = rp.permission_id
