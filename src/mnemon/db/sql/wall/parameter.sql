-- object: function current_tenant()
-- The organisation that this transaction is for, null where it is for none. It stands in a parameter that only the
-- owner of these functions may set (GRANT SET ON PARAMETER): no statement of the application's changes it. The
-- parameter is PostgreSQL's backtrace_functions, the one text that all may read and none but those who were granted it
-- may set; it names functions of the server in whose errors to trace, and no function is called like three ids.
-- Written so that the planner puts the expression in its place: estimates stay what they were.
CREATE OR REPLACE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT nullif("left"(current_setting('backtrace_functions'), 32), '')::uuid;
END;

-- object: function current_user_id()
-- The person that this transaction acts for, null where it is none.
CREATE OR REPLACE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT nullif(translate(substr(current_setting('backtrace_functions'), 33, 32), '_', ''), '')::uuid;
END;

-- object: function current_agent_id()
-- The agent that this transaction acts for, null where it is none.
CREATE OR REPLACE FUNCTION current_agent_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT nullif(translate(substr(current_setting('backtrace_functions'), 65, 32), '_', ''), '')::uuid;
END;

-- object: function current_who()
-- All that this transaction has noted: organisation, person and agent, 32 characters each, and what it may take
-- (take_address()); null where it is nobody.
CREATE OR REPLACE FUNCTION current_who() RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT nullif(current_setting('backtrace_functions'), '');
END;
REVOKE ALL ON FUNCTION current_who() FROM PUBLIC;

-- object: function tenant_setting(text)
-- The statement that notes who a transaction is for; the application may run it as little as any that says the same.
-- SET LOCAL and not set_config(), which does not reach the workers of a distributed database.
CREATE OR REPLACE FUNCTION tenant_setting(p_who text) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT format('SET LOCAL backtrace_functions = %L', p_who);
END;
REVOKE ALL ON FUNCTION tenant_setting(text) FROM PUBLIC;
