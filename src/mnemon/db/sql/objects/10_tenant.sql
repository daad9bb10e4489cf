-- Who a transaction is for. Where it stands and what reads it (current_tenant, current_user_id, current_agent_id,
-- note_tenant) is in sql/wall: one of two ways, as the server allows.

-- object: function proven(text, bytea)
-- Whether the one who claims this has the installation's key: the proof is the key's id and the HMAC-SHA256 of the
-- claim. Hashes are compared, so that the time it takes tells nothing of the proof. SECURITY DEFINER: nobody else reads
-- the keys.
CREATE OR REPLACE FUNCTION proven(p_claim text, p_proof bytea) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM installation_keys k
    WHERE k.key_id = substr(p_proof, 1, 4)
      AND sha256(sha256(k.outer_block || sha256(k.inner_block || convert_to(p_claim, 'UTF8'))))
        = sha256(substr(p_proof, 5)));
END $$;
REVOKE ALL ON FUNCTION proven(text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION proven(text, bytea) TO mnemon_app;

-- object: function set_tenant(uuid, uuid, uuid, boolean, bytea)
-- Sets who this transaction is for: an organisation, and in it a person and an agent, or nobody. The claim
-- `tenant:<organisation>:<person>:<agent>` must be proven, except by a session of the schema's owner.
--
-- A bulk write lets PostgreSQL keep the plans of its foreign key checks: planned anew for every row (as reads must be,
-- tenants differ) they cost more than the rows.
CREATE OR REPLACE FUNCTION set_tenant(
  p_organization uuid, p_user uuid DEFAULT NULL, p_agent uuid DEFAULT NULL, p_bulk boolean DEFAULT false,
  p_proof bytea DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF p_bulk THEN
    SET LOCAL plan_cache_mode = auto;
  END IF;
  IF p_organization IS NULL THEN
    PERFORM note_tenant('');
    RETURN;
  END IF;
  IF NOT coalesce(proven(format('tenant:%s:%s:%s', p_organization, p_user, p_agent), p_proof), false)
    AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    RAISE EXCEPTION 'who this transaction is for is not proven' USING ERRCODE = 'MN001';
  END IF;
  PERFORM note_tenant(replace(format('%s%s%s', p_organization, coalesce(p_user::text, repeat('_', 32)),
    coalesce(p_agent::text, repeat('_', 32))), '-', ''));
END $$;
REVOKE ALL ON FUNCTION set_tenant(uuid, uuid, uuid, boolean, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_tenant(uuid, uuid, uuid, boolean, bytea) TO mnemon_app;

-- object: function current_actor()
-- Who changes something, for logs: user:<id>, agent:<id> or system.
CREATE OR REPLACE FUNCTION current_actor() RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT coalesce('user:' || current_user_id(), 'agent:' || current_agent_id(), 'system');
END;
