-- object: function ensure_organization(text, text, bytea)
-- The id of the organisation with this slug, made on first use. SECURITY DEFINER: before it is known, there is no
-- tenant to be in. The claim `organization:<slug>` must be proven: which organisations there are is nobody else's.
-- Indexes: pk_directory, pk_organizations.
CREATE OR REPLACE FUNCTION ensure_organization(
  p_slug text, p_name text DEFAULT NULL, p_proof bytea DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  named bytea := directory_digest('slug', p_slug);
  taken uuid;
  made uuid;
BEGIN
  IF NOT coalesce(proven('organization:' || p_slug, p_proof), false)
    AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    RAISE EXCEPTION 'who asks for an organisation is not proven' USING ERRCODE = 'MN001';
  END IF;
  SELECT d.id INTO taken FROM directory d WHERE d.digest = named;
  IF taken IS NULL THEN
    made := gen_random_uuid();
    INSERT INTO directory (digest, id) VALUES (named, made) ON CONFLICT (digest) DO NOTHING;
    IF FOUND THEN
      INSERT INTO organizations (id, name, slug) VALUES (made, coalesce(p_name, p_slug), p_slug);
      RETURN made;
    END IF;
    SELECT d.id INTO taken FROM directory d WHERE d.digest = named;  -- somebody else made it meanwhile
  END IF;
  RETURN (SELECT o.id FROM organizations o WHERE o.id = taken AND o.deleted_at IS NULL);
END $$;
REVOKE ALL ON FUNCTION ensure_organization(text, text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_organization(text, text, bytea) TO mnemon_app;

CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON organizations FOR EACH ROW EXECUTE FUNCTION touch_row();
-- Signing in is no change of the person: it must not be a lost update to somebody.
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW
  WHEN (OLD.last_login_at IS NOT DISTINCT FROM NEW.last_login_at)
  EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON teams FOR EACH ROW EXECUTE FUNCTION touch_row();
