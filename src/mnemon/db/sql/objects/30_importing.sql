-- object: function importing()
-- Whether this transaction brings in an organisation that was exported: then triggers that would write a second time
-- what the export has already (logs, counters, the trail) are passed over. The setting alone does nothing: it is heard
-- only from a login that may make organisations, which the application's may not, whatever function it calls.
CREATE OR REPLACE FUNCTION importing() RETURNS boolean LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT coalesce(current_setting('app.importing', true), '') = 'on'
    AND has_table_privilege(session_user, 'public.organizations', 'INSERT');
END;
