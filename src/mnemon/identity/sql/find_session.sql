-- The session of an access token's SHA-256; before an organisation is known.
-- Index (inside the function): uq_sessions_token_hash.
SELECT session_id, organization_id, user_id, expires_at FROM find_session_by_token_hash($1)
