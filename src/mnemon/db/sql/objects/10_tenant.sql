-- object: function set_tenant(uuid, uuid, uuid, boolean)
-- Sets who this transaction is for. A plpgsql function that runs SET LOCAL, because set_config() does not reach
-- the workers of a distributed database.
--
-- A bulk write lets PostgreSQL keep the plans of its foreign key checks: planned anew for every row (as reads must be,
-- tenants differ) they cost more than the rows.
CREATE OR REPLACE FUNCTION set_tenant(
  p_organization uuid, p_user uuid DEFAULT NULL, p_agent uuid DEFAULT NULL, p_bulk boolean DEFAULT false
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF p_bulk THEN
    SET LOCAL plan_cache_mode = auto;
  END IF;
  EXECUTE format('SET LOCAL app.organization_id = %L', coalesce(p_organization::text, ''));
  EXECUTE format('SET LOCAL app.user_id = %L', coalesce(p_user::text, ''));
  EXECUTE format('SET LOCAL app.agent_id = %L', coalesce(p_agent::text, ''));
END $$;

-- object: function current_actor()
-- Who changes something, for logs: user:<id>, agent:<id> or system.
CREATE OR REPLACE FUNCTION current_actor() RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT coalesce(
    'user:' || nullif(current_setting('app.user_id', true), ''),
    'agent:' || nullif(current_setting('app.agent_id', true), ''),
    'system');
END;

-- object: function proven(text, bytea)
-- Stands in until the lead's is here.
CREATE OR REPLACE FUNCTION proven(p_claim text, p_proof bytea) RETURNS boolean LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT true;
END;
