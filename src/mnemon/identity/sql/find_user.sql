-- The person with this e-mail address, as signing in needs them; before an organisation is known.
-- Index (inside the function): uq_users_email.
SELECT user_id, organization_id, status, password_hash, mfa_enabled FROM find_user_by_email($1)
