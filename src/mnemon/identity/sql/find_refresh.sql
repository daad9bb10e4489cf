-- The session of a refresh token's SHA-256, or the one that it names; before an organisation is known.
-- Indexes (inside the function): uq_sessions_refresh_token_hash, ix_sessions_previous_refresh, pk_sessions.
SELECT session_id, organization_id, user_id, refresh_expires_at, is_current
FROM find_session_by_refresh_hash($1, $2, $3)
