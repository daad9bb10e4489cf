-- The names of the permissions that a person ($2) of an organisation ($1) has at a moment ($3): of every role that has
-- been given and has not expired, and of the roles those inherit from. One row a permission.
-- Indexes: pk_user_roles, pk_roles, pk_role_permissions, pk_permissions.
{held}{names}