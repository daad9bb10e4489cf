-- A person's tokens of a provider, encrypted. Index: uq_oauth_tokens_organization_id_user_id_provider.
SELECT id, user_id, provider, provider_user_id, token_type, access_token_encrypted, refresh_token_encrypted, scopes,
  expires_at, version
FROM oauth_tokens WHERE organization_id = $1 AND user_id = $2 AND provider = $3 AND deleted_at IS NULL
