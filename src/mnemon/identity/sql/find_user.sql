-- The person with this e-mail address ($1), as signing in needs them, and whether $3 is an address they signed in from;
-- before an organisation is known. Indexes (inside the function): pk_directory, pk_users, ix_sessions_user.
SELECT user_id, organization_id, status, password_hash, mfa_enabled, is_familiar
FROM find_user_by_email($1, $2, $3::text::inet)
