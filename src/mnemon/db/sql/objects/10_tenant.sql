-- Who a transaction is for. Where it stands and what reads it (current_tenant, current_user_id, current_agent_id,
-- tenant_setting) is in sql/wall: one of two ways, as the server allows. Every transaction begins with set_tenant(), so
-- its statements keep their plans, whatever the session's own do.

-- object: function proven(text, bytea)
-- Whether the one who claims this has the installation's key: the proof is the key's id and the HMAC-SHA256 of the
-- claim. Hashes are compared, so that the time it takes tells nothing of the proof. SECURITY DEFINER: nobody else reads
-- the keys.
CREATE OR REPLACE FUNCTION proven(p_claim text, p_proof bytea) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  inside bytea;
  outside bytea;
BEGIN
  SELECT inner_block, outer_block INTO inside, outside FROM installation_keys WHERE key_id = substr(p_proof, 1, 4);
  RETURN coalesce(sha256(sha256(outside || sha256(inside || convert_to(p_claim, 'UTF8')))) = sha256(substr(p_proof, 5)),
    false);
END $$;
REVOKE ALL ON FUNCTION proven(text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION proven(text, bytea) TO mnemon_app;

-- object: function set_tenant(uuid, uuid, uuid, bytea)
-- Sets who this transaction is for: an organisation, and in it a person and an agent, or nobody. The claim
-- `tenant:<organisation>:<person>:<agent>` must be proven, as proven() has it, except by a session of the schema's owner.
CREATE OR REPLACE FUNCTION set_tenant(
  p_organization uuid, p_user uuid DEFAULT NULL, p_agent uuid DEFAULT NULL, p_proof bytea DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  inside bytea;
  outside bytea;
BEGIN
  IF p_organization IS NULL THEN
    EXECUTE tenant_setting('');
    RETURN;
  END IF;
  SELECT inner_block, outer_block INTO inside, outside FROM installation_keys WHERE key_id = substr(p_proof, 1, 4);
  IF sha256(sha256(outside || sha256(inside || convert_to('tenant:' || p_organization || ':'
      || coalesce(p_user::text, '') || ':' || coalesce(p_agent::text, ''), 'UTF8')))) = sha256(substr(p_proof, 5))
    OR pg_has_role(session_user, current_user, 'MEMBER') THEN
    EXECUTE tenant_setting(replace(p_organization || coalesce(p_user::text, repeat('_', 32))
      || coalesce(p_agent::text, repeat('_', 32)), '-', ''));
  ELSE
    RAISE EXCEPTION 'who this transaction is for is not proven' USING ERRCODE = 'MN001';
  END IF;
END $$;
REVOKE ALL ON FUNCTION set_tenant(uuid, uuid, uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_tenant(uuid, uuid, uuid, bytea) TO mnemon_app;

-- object: function lock_tenant(text)
-- Waits until nobody else in the organisation has this lock, and has it until the transaction ends. SECURITY DEFINER:
-- by its number the application could take anybody's.
CREATE OR REPLACE FUNCTION lock_tenant(p_what text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(current_tenant() || ':' || p_what, 0));
END $$;
REVOKE ALL ON FUNCTION lock_tenant(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_tenant(text) TO mnemon_app;

-- object: function current_actor()
-- Who changes something, for logs: user:<id>, agent:<id> or system.
CREATE OR REPLACE FUNCTION current_actor() RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT coalesce('user:' || current_user_id(), 'agent:' || current_agent_id(), 'system');
END;
