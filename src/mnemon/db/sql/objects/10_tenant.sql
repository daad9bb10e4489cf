-- object: function set_tenant(uuid, uuid, uuid)
-- Sets who this transaction is for. A plpgsql function that runs SET LOCAL, because set_config() does not reach
-- the workers of a distributed database.
CREATE OR REPLACE FUNCTION set_tenant(p_organization uuid, p_user uuid DEFAULT NULL, p_agent uuid DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL app.organization_id = %L', coalesce(p_organization::text, ''));
  EXECUTE format('SET LOCAL app.user_id = %L', coalesce(p_user::text, ''));
  EXECUTE format('SET LOCAL app.agent_id = %L', coalesce(p_agent::text, ''));
END $$;

-- object: function current_actor()
-- Who changes something, for logs: user:<id>, agent:<id> or system.
CREATE OR REPLACE FUNCTION current_actor() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    'user:' || nullif(current_setting('app.user_id', true), ''),
    'agent:' || nullif(current_setting('app.agent_id', true), ''),
    'system')
$$;
