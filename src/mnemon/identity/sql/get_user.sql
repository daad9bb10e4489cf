-- A person ($2) of an organisation ($1), if not removed. Index: uq_users_organization_id_id, or the primary key.
SELECT u.id, u.organization_id, u.external_id, u.email, u.email_verified, u.display_name, u.full_name, u.first_name,
  u.last_name, u.avatar_url, u.timezone, u.status, u.tier, u.last_login_at, u.metadata::text AS metadata_, u.version,
  u.created_at, u.updated_at
FROM users u
WHERE u.organization_id = $1 AND u.id = $2 AND u.deleted_at IS NULL
