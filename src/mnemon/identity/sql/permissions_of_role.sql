-- The names of the permissions of a role ($2) of an organisation ($1), with those it inherits. One row a permission.
-- Indexes: pk_roles, pk_role_permissions, pk_permissions.
{held}{names}