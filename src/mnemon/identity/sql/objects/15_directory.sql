-- Who takes a name that is unique in the installation. A refusal would tell whether somebody has it: so whoever has no
-- proof is refused before anything is looked up, in the same words whatever the name is. The directory itself
-- (migration 0016) is the owner's alone. Sessions of the owner and of a superuser need no proof.

-- object: function take_address(text, bytea)
-- Lets this transaction give its organisation's people this e-mail address, whatever its case, and no other from now on.
-- The claim `address:<organisation>:<address as given>` must be proven, as proven() has it. It is noted where who the
-- transaction is for stands, which no statement of the application's changes; set_tenant() takes it back.
CREATE OR REPLACE FUNCTION take_address(p_email text, p_proof bytea) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF NOT coalesce(proven('address:' || current_tenant() || ':' || p_email, p_proof), false) THEN
    RAISE EXCEPTION 'that this address may be taken is not proven' USING ERRCODE = 'MN001';
  END IF;
  EXECUTE tenant_setting("left"(current_who(), 96) || encode(directory_digest('email', lower(p_email)), 'hex'));
END $$;
REVOKE ALL ON FUNCTION take_address(text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_address(text, bytea) TO mnemon_app;

-- object: function guard_address()
-- A person gets the e-mail address that the transaction may take, and no other.
CREATE OR REPLACE FUNCTION guard_address() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF substr(current_who(), 97) IS DISTINCT FROM encode(directory_digest('email', lower(NEW.email)), 'hex')
    AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    RAISE EXCEPTION 'that this address may be taken is not proven' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION guard_address() FROM PUBLIC;
CREATE OR REPLACE TRIGGER guard_address BEFORE INSERT ON users FOR EACH ROW
  WHEN (NEW.email IS NOT NULL) EXECUTE FUNCTION guard_address();
CREATE OR REPLACE TRIGGER guard_new_address BEFORE UPDATE ON users FOR EACH ROW
  WHEN (NEW.email IS NOT NULL AND NEW.email IS DISTINCT FROM OLD.email) EXECUTE FUNCTION guard_address();

-- object: function guard_slug()
-- An organisation keeps its slug: nothing that works for it changes it.
CREATE OR REPLACE FUNCTION guard_slug() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    RAISE EXCEPTION 'an organisation keeps its slug' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION guard_slug() FROM PUBLIC;
CREATE OR REPLACE TRIGGER guard_slug BEFORE UPDATE ON organizations FOR EACH ROW
  WHEN (NEW.slug IS DISTINCT FROM OLD.slug) EXECUTE FUNCTION guard_slug();
