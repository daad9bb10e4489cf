-- Look-ups before an organisation is known. SECURITY DEFINER: each finds one row by what only its holder can know and
-- returns what signing in needs of it, nothing more. plpgsql, so that a distributed database plans them like any other.
-- One plan each for as long as the connection lives: by a unique key there is no other, and making it anew takes longer
-- than running it.

-- object: function find_user_by_email(text, bytea, inet)
-- The person with this e-mail address, whatever its case, with the hash of their password: for the process alone, which
-- proves that it asks ('user_by_email:' and the address as given). Whoever cannot is answered as if nobody had it.
-- is_familiar: a session of theirs was begun from p_from in the last 90 days. Indexes: pk_directory,
-- pk_users, ix_sessions_user.
CREATE OR REPLACE FUNCTION find_user_by_email(p_email text, p_proof bytea, p_from inet DEFAULT NULL)
RETURNS TABLE (
  user_id uuid, organization_id uuid, status text, password_hash text, mfa_enabled boolean, is_familiar boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF NOT coalesce(proven('user_by_email:' || p_email, p_proof), false) THEN
    RETURN;  -- before anything is looked up: what it costs says nothing of who is there
  END IF;
  RETURN QUERY
  SELECT u.id, u.organization_id, u.status::text, c.password_hash::text, coalesce(c.mfa_enabled, false),
    -- With a limit, so that it is asked for this one person and not hashed for everybody.
    (SELECT true FROM sessions s WHERE s.organization_id = u.organization_id AND s.user_id = u.id
      AND s.ip_address = p_from AND s.created_at > now() - interval '90 days' LIMIT 1) IS NOT NULL
  FROM directory d
  JOIN users u ON u.id = d.id AND u.deleted_at IS NULL
  JOIN organizations o ON o.id = u.organization_id AND o.deleted_at IS NULL
  LEFT JOIN user_credentials c ON c.organization_id = u.organization_id AND c.user_id = u.id AND c.deleted_at IS NULL
  WHERE d.digest = directory_digest('email', lower(p_email));
END $$;
REVOKE ALL ON FUNCTION find_user_by_email(text, bytea, inet) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_user_by_email(text, bytea, inet) TO mnemon_app;

-- object: function password_hash_of(uuid, bytea)
-- The hash of the password of a person of the transaction's organisation, null where there is none; for the process
-- alone, which proves that it asks ('password_hash_of:' and the person). The application itself may not read the
-- column: a hash that was read once is guessed at for ever.
-- Index: uq_user_credentials_organization_id_user_id.
CREATE OR REPLACE FUNCTION password_hash_of(p_user uuid, p_proof bytea) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF NOT coalesce(proven('password_hash_of:' || p_user, p_proof), false) THEN
    RAISE EXCEPTION 'only the process reads the hash of a password' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN (
    SELECT c.password_hash FROM user_credentials c
    WHERE c.organization_id = current_tenant() AND c.user_id = p_user
      AND c.deleted_at IS NULL);
END $$;
REVOKE ALL ON FUNCTION password_hash_of(uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION password_hash_of(uuid, bytea) TO mnemon_app;

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

-- object: function find_session_by_refresh_hash(bytea, uuid, bytea)
-- The session that a refresh token belongs to, and whether it is the one that may be exchanged (is_current). Found by
-- the token's SHA-256; and by the session that it names, which the process has seen to be true and proves
-- ('session_of_token:' and the session): so every token that the session ever had is recognised, however old.
-- Indexes: uq_sessions_refresh_token_hash, ix_sessions_previous_refresh, pk_sessions.
CREATE OR REPLACE FUNCTION find_session_by_refresh_hash(
  p_hash bytea, p_session uuid DEFAULT NULL, p_proof bytea DEFAULT NULL
)
RETURNS TABLE (
  session_id uuid, organization_id uuid, user_id uuid, refresh_expires_at timestamptz, is_current boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF p_session IS NOT NULL AND NOT coalesce(proven('session_of_token:' || p_session, p_proof), false) THEN
    p_session := NULL;
  END IF;
  RETURN QUERY
  SELECT s.id, s.organization_id, s.user_id, s.refresh_expires_at, coalesce(s.refresh_token_hash = p_hash, false)
  FROM sessions s
  JOIN users u ON u.id = s.user_id AND u.organization_id = s.organization_id
    AND u.status = 'active' AND u.deleted_at IS NULL
  JOIN organizations o ON o.id = s.organization_id AND o.deleted_at IS NULL
  WHERE (s.refresh_token_hash = p_hash OR s.previous_refresh_token_hash = p_hash OR s.id = p_session)
    AND s.revoked_at IS NULL
  LIMIT 1;
END $$;
REVOKE ALL ON FUNCTION find_session_by_refresh_hash(bytea, uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_session_by_refresh_hash(bytea, uuid, bytea) TO mnemon_app;

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
