-- Look-ups before an organisation is known. SECURITY DEFINER: each finds one row by what only its holder can know and
-- returns what signing in needs of it, nothing more. plpgsql, so that a distributed database plans them like any other.
-- One plan each for as long as the connection lives: by a unique key there is no other, and making it anew takes longer
-- than running it.

-- object: function find_user_by_email(text)
-- The person with this e-mail address, whatever its case. Index: uq_users_email.
CREATE OR REPLACE FUNCTION find_user_by_email(p_email text)
RETURNS TABLE (user_id uuid, organization_id uuid, status text, password_hash text, mfa_enabled boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  SELECT u.id, u.organization_id, u.status::text, c.password_hash::text, coalesce(c.mfa_enabled, false)
  FROM users u
  JOIN organizations o ON o.id = u.organization_id AND o.deleted_at IS NULL
  LEFT JOIN user_credentials c ON c.user_id = u.id AND c.deleted_at IS NULL
  WHERE lower(u.email) = lower(p_email) AND u.deleted_at IS NULL;
END $$;
REVOKE ALL ON FUNCTION find_user_by_email(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_user_by_email(text) TO mnemon_app;

-- object: function find_session_by_token_hash(bytea)
-- The session whose access token has this SHA-256, if neither it nor its person was stopped. The caller compares the
-- time. Index: uq_sessions_token_hash.
CREATE OR REPLACE FUNCTION find_session_by_token_hash(p_hash bytea)
RETURNS TABLE (session_id uuid, organization_id uuid, user_id uuid, expires_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  SELECT s.id, s.organization_id, s.user_id, s.expires_at
  FROM sessions s
  JOIN users u ON u.id = s.user_id AND u.organization_id = s.organization_id
    AND u.status = 'active' AND u.deleted_at IS NULL
  JOIN organizations o ON o.id = s.organization_id AND o.deleted_at IS NULL
  WHERE s.token_hash = p_hash AND s.revoked_at IS NULL;
END $$;
REVOKE ALL ON FUNCTION find_session_by_token_hash(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_session_by_token_hash(bytea) TO mnemon_app;

-- object: function find_session_by_refresh_hash(bytea)
-- The session whose refresh token has this SHA-256, or had it before the last exchange (is_current is false then).
-- Indexes: uq_sessions_refresh_token_hash, ix_sessions_previous_refresh.
CREATE OR REPLACE FUNCTION find_session_by_refresh_hash(p_hash bytea)
RETURNS TABLE (
  session_id uuid, organization_id uuid, user_id uuid, refresh_expires_at timestamptz, is_current boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  SELECT s.id, s.organization_id, s.user_id, s.refresh_expires_at, s.refresh_token_hash = p_hash
  FROM sessions s
  JOIN users u ON u.id = s.user_id AND u.organization_id = s.organization_id
    AND u.status = 'active' AND u.deleted_at IS NULL
  JOIN organizations o ON o.id = s.organization_id AND o.deleted_at IS NULL
  WHERE (s.refresh_token_hash = p_hash OR s.previous_refresh_token_hash = p_hash) AND s.revoked_at IS NULL;
END $$;
REVOKE ALL ON FUNCTION find_session_by_refresh_hash(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_session_by_refresh_hash(bytea) TO mnemon_app;

-- object: function find_api_key_by_hash(bytea)
-- The key with this SHA-256, if neither it nor the person it works for was stopped. The caller compares the time.
-- Index: uq_api_keys_key_hash.
CREATE OR REPLACE FUNCTION find_api_key_by_hash(p_hash bytea)
RETURNS TABLE (
  api_key_id uuid, organization_id uuid, user_id uuid, agent_id uuid, scopes text[], expires_at timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  SELECT k.id, k.organization_id, k.user_id, k.agent_id, k.scopes, k.expires_at
  FROM api_keys k
  JOIN organizations o ON o.id = k.organization_id AND o.deleted_at IS NULL
  LEFT JOIN users u ON u.id = k.user_id AND u.organization_id = k.organization_id
  WHERE k.key_hash = p_hash AND k.revoked_at IS NULL
    AND (k.user_id IS NULL OR (u.status = 'active' AND u.deleted_at IS NULL));
END $$;
REVOKE ALL ON FUNCTION find_api_key_by_hash(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key_by_hash(bytea) TO mnemon_app;

CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON user_credentials FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON mfa_devices FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON oauth_tokens FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON user_preferences FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON devices FOR EACH ROW EXECUTE FUNCTION touch_row();
