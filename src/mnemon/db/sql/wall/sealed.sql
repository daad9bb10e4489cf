-- Where no administrator lets the owner set a parameter of the server, who a transaction is for stands in a setting that
-- everybody may write, with a seal that only the owner's functions can make: for this transaction, of this session.
-- Whatever else stands there is nobody.

-- object: function seal_of(text)
-- The seal of who this transaction is for, null before there is a key.
CREATE OR REPLACE FUNCTION seal_of(p_who text) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT encode(sha256(k.outer_block || sha256(k.inner_block || convert_to(
    'seal:' || p_who || ':' || pg_backend_pid() || ':' || extract(epoch FROM transaction_timestamp()), 'UTF8'))), 'hex')
  FROM installation_keys k ORDER BY k.key_id LIMIT 1
$$;
REVOKE ALL ON FUNCTION seal_of(text) FROM PUBLIC;

-- object: function sealed_who()
-- Who this transaction is for, as set_tenant() noted it, with what it may take (take_address()); null where it is nobody
-- or the seal is not right.
CREATE OR REPLACE FUNCTION sealed_who() RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  noted text := current_setting('app.tenant', true);
  who text := "left"(noted, -64);
BEGIN
  IF noted IS NULL OR length(noted) NOT IN (160, 224) THEN RETURN NULL; END IF;
  RETURN CASE WHEN sha256(convert_to("right"(noted, 64), 'UTF8')) = sha256(convert_to(seal_of(who), 'UTF8')) THEN who END;
END $$;
REVOKE ALL ON FUNCTION sealed_who() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sealed_who() TO mnemon_app;

-- object: function current_tenant()
-- The organisation that this transaction is for, null where it is for none.
CREATE OR REPLACE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
  SELECT nullif("left"(sealed_who(), 32), '')::uuid;
END;

-- object: function current_user_id()
-- The person that this transaction acts for, null where it is none.
CREATE OR REPLACE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
  SELECT nullif(translate(substr(sealed_who(), 33, 32), '_', ''), '')::uuid;
END;

-- object: function current_agent_id()
-- The agent that this transaction acts for, null where it is none.
CREATE OR REPLACE FUNCTION current_agent_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
  SELECT nullif(translate(substr(sealed_who(), 65, 32), '_', ''), '')::uuid;
END;

-- object: function current_who()
-- All that this transaction has noted: organisation, person and agent, 32 characters each, and what it may take
-- (take_address()); null where it is nobody.
CREATE OR REPLACE FUNCTION current_who() RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT sealed_who();
END;
REVOKE ALL ON FUNCTION current_who() FROM PUBLIC;

-- object: function tenant_setting(text)
-- The statement that notes who a transaction is for, with its seal.
CREATE OR REPLACE FUNCTION tenant_setting(p_who text) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT format('SET LOCAL app.tenant = %L', p_who || coalesce(seal_of(p_who), ''));
END;
REVOKE ALL ON FUNCTION tenant_setting(text) FROM PUBLIC;
