-- Keeps a person's tokens of a provider in place of those before.
-- Index: uq_oauth_tokens_organization_id_user_id_provider.
INSERT INTO oauth_tokens (
  organization_id, user_id, provider, access_token_encrypted, refresh_token_encrypted, provider_user_id, token_type,
  scopes, expires_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (organization_id, user_id, provider) DO UPDATE SET
  access_token_encrypted = excluded.access_token_encrypted,
  refresh_token_encrypted = excluded.refresh_token_encrypted, provider_user_id = excluded.provider_user_id,
  token_type = excluded.token_type, scopes = excluded.scopes, expires_at = excluded.expires_at, deleted_at = NULL
