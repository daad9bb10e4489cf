-- object: function refuse_role_cycle()
-- A role does not inherit from itself, directly or through others. Two changes that would close a circle together wait
-- for each other: a change of parents is made alone in its organisation.
CREATE OR REPLACE FUNCTION refuse_role_cycle() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.parent_role_id IS NULL THEN
    RETURN NEW;
  END IF;
  PERFORM lock_tenant('role parents');
  IF EXISTS (
    WITH RECURSIVE above AS (
      SELECT NEW.parent_role_id AS id
      UNION
      SELECT r.parent_role_id FROM above a JOIN roles r ON r.organization_id = NEW.organization_id AND r.id = a.id
      WHERE r.parent_role_id IS NOT NULL
    )
    SELECT FROM above WHERE id = NEW.id
  ) THEN
    RAISE EXCEPTION 'a role cannot inherit from itself'
      USING ERRCODE = 'check_violation', TABLE = 'roles', CONSTRAINT = 'ck_roles_parent_role_id';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER refuse_role_cycle BEFORE INSERT OR UPDATE OF parent_role_id ON roles
  FOR EACH ROW EXECUTE FUNCTION refuse_role_cycle();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON roles FOR EACH ROW EXECUTE FUNCTION touch_row();

-- object: function make_system_roles(uuid)
-- The four roles that every organisation has, made on first use; as the organisation itself, under its policies.
-- viewer reads; member works; admin manages people, roles and keys; owner does everything. Each has what the one before
-- has, through its parent.
CREATE OR REPLACE FUNCTION make_system_roles(p_organization uuid) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE step record; above uuid := NULL; made uuid;
BEGIN
  FOR step IN
    SELECT * FROM (VALUES
      (1, 'viewer', 'Reads what there is to work with'),
      (2, 'member', 'Works: writes, changes, removes and runs; connects services of their own'),
      (3, 'admin', 'Manages people, roles, keys and webhooks'),
      (4, 'owner', 'May do everything')
    ) AS v(place, name, description) ORDER BY place
  LOOP
    INSERT INTO roles (organization_id, name, description, is_system, parent_role_id)
    VALUES (p_organization, step.name, step.description, true, above)
    ON CONFLICT (organization_id, name) WHERE deleted_at IS NULL DO NOTHING;
    SELECT r.id INTO STRICT made FROM roles r
    WHERE r.organization_id = p_organization AND r.name = step.name AND r.deleted_at IS NULL;
    INSERT INTO role_permissions (organization_id, role_id, permission_id)
    SELECT p_organization, made, p.id FROM permissions p
    WHERE CASE
      WHEN p.resource IN ('audit', 'logs', 'operations') THEN
        CASE WHEN p.action = 'read' THEN 3 ELSE 4 END
      WHEN p.name IN ('organizations:delete', 'users:erase') THEN 4
      WHEN p.resource = 'account' THEN 1
      WHEN p.resource IN ('sessions', 'api_keys', 'webhooks', 'jobs', 'metrics') OR p.action = 'maintain' THEN 3
      WHEN p.action = 'read' THEN 1
      -- People connect and end what is their own; the tokens themselves are for the process that synchronises.
      WHEN p.name = 'integrations:use' OR p.resource IN ('organizations', 'users', 'teams', 'roles') THEN 3
      ELSE 2
    END = step.place
    ON CONFLICT DO NOTHING;
    above := made;
  END LOOP;
END $$;

-- object: view role_permission_names
-- Roles with their own permissions as an array of names, as 000 had it; what a parent gives is not in it.
CREATE OR REPLACE VIEW role_permission_names WITH (security_invoker = true) AS
SELECT r.organization_id, r.id AS role_id, r.name AS role_name,
  coalesce(array_agg(p.name ORDER BY p.name) FILTER (WHERE p.id IS NOT NULL), '{}') AS permissions
FROM roles r
LEFT JOIN role_permissions rp ON rp.organization_id = r.organization_id AND rp.role_id = r.id
LEFT JOIN permissions p ON p.id = rp.permission_id
WHERE r.deleted_at IS NULL
GROUP BY r.organization_id, r.id, r.name;
COMMENT ON VIEW role_permission_names IS 'Roles with their own permissions as an array (roles.permissions of 000)';
GRANT SELECT ON role_permission_names TO mnemon_app;
