-- The key of a SHA-256; before an organisation is known.
-- Index (inside the function): uq_api_keys_key_hash.
SELECT api_key_id, organization_id, user_id, agent_id, scopes, expires_at FROM find_api_key_by_hash($1)
