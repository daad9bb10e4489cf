-- Writes when a key was used, at most once a minute. Index: pk_api_key_uses.
INSERT INTO api_key_uses AS u (organization_id, api_key_id, last_used_at) VALUES ($1, $2, $3)
ON CONFLICT (organization_id, api_key_id) DO UPDATE SET last_used_at = excluded.last_used_at
WHERE u.last_used_at < excluded.last_used_at - interval '1 minute'
