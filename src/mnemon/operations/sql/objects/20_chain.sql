-- object: function audit_digest(audit_logs)
-- The hash of a row: of every column, in a form that no setting of a session changes.
CREATE OR REPLACE FUNCTION audit_digest(p_row audit_logs) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT sha256(convert_to(jsonb_build_array(
    p_row.organization_id, p_row.id, extract(epoch FROM p_row.created_at), p_row.transaction_id, p_row.user_id,
    p_row.agent_id, p_row.session_id, p_row.action, p_row.resource_type, p_row.resource_id,
    p_row.ip_address::text, p_row.user_agent, p_row.old_value, p_row.new_value, p_row.status, p_row.error_message,
    p_row.metadata)::text, 'UTF8'))
$$;

-- object: function audit_kept(audit_logs)
-- The hash of what stays of a row when it is erased: who, when, what kind of change, and ids. The chain has it beside
-- the hash of the whole row, so that who and what of an erased entry cannot be changed either.
CREATE OR REPLACE FUNCTION audit_kept(p_row audit_logs) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT sha256(convert_to(jsonb_build_array(
    p_row.organization_id, p_row.id, extract(epoch FROM p_row.created_at), p_row.transaction_id, p_row.user_id,
    p_row.agent_id, p_row.session_id, p_row.action, p_row.resource_type, audit_lasting_id(p_row.resource_id),
    p_row.status)::text, 'UTF8'))
$$;

-- object: function audit_block_hash(bytea, uuid, bigint, integer, bigint, uuid[], bytea[], timestamptz[])
-- The hash of a block: of the one before it and of all it holds.
CREATE OR REPLACE FUNCTION audit_block_hash(
  p_previous bytea, p_organization uuid, p_number bigint, p_era integer, p_upper bigint,
  p_ids uuid[], p_hashes bytea[], p_times timestamptz[]
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT sha256(
    p_previous || uuid_send(p_organization) || int8send(p_number) || int4send(p_era) || int8send(p_upper)
    || coalesce(string_agg(
      uuid_send(r.id) || r.hash || int8send((extract(epoch FROM r.at) * 1000000)::bigint), ''::bytea ORDER BY r.place),
      ''::bytea))
  FROM unnest(p_ids, p_hashes, p_times) WITH ORDINALITY AS r(id, hash, at, place)
$$;

-- object: function make_audit_block(uuid, integer)
-- Seals the rows of finished transactions that no block holds yet, about p_limit of them, as the next block of the
-- organisation's chain; returns its number, null where there is nothing to seal. A row of a transaction that still runs
-- is left for a later block, so none is missed; sealers of one organisation wait for each other, writers wait for
-- nobody. A transaction is never split. The block must be signed before the transaction ends. As the owner, within
-- seal_trail() and seal_every_trail() only.
CREATE OR REPLACE FUNCTION make_audit_block(p_organization uuid, p_limit integer) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  last audit_blocks;
  running pg_snapshot;
  horizon bigint;  -- every transaction below it has ended
  lower_end bigint;
  upper_end bigint;
  full_at bigint;
  moved boolean;
  ids uuid[];
  hashes bytea[];
  kept bytea[];
  times timestamptz[];
  made bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('audit:' || p_organization, 0));
  running := pg_current_snapshot();
  horizon := pg_snapshot_xmin(running)::text::bigint;
  SELECT * INTO last FROM audit_blocks WHERE organization_id = p_organization ORDER BY number DESC LIMIT 1;
  lower_end := coalesce(last.upper_transaction, 0);
  -- A server that the rows were restored to from a dump counts its transactions anew: what is there and in no block is
  -- sealed whole, and a new era begins.
  moved := lower_end > horizon;
  IF moved THEN
    lower_end := 0;
    upper_end := 9223372036854775807;
  ELSE
    SELECT a.transaction_id INTO full_at FROM audit_logs a
    WHERE a.organization_id = p_organization AND a.transaction_id >= lower_end AND a.transaction_id < horizon
    ORDER BY a.transaction_id OFFSET greatest(p_limit, 1) - 1 LIMIT 1;
    upper_end := least(horizon, full_at + 1);
  END IF;
  SELECT array_agg(c.id ORDER BY c.place), array_agg(c.hash ORDER BY c.place), array_agg(c.kept ORDER BY c.place),
    array_agg(c.created_at ORDER BY c.place)
  INTO ids, hashes, kept, times
  FROM (
    SELECT a.id, a.created_at, audit_digest(a) AS hash, audit_kept(a) AS kept,
      row_number() OVER (ORDER BY a.transaction_id, a.created_at, a.id) AS place
    FROM audit_logs a
    WHERE a.organization_id = p_organization AND a.transaction_id >= lower_end AND a.transaction_id < upper_end
      AND (a.transaction_id < horizon OR a.transaction_id >= pg_snapshot_xmax(running)::text::bigint)
      AND (NOT moved AND coalesce(last.era, 0) = 0
           OR a.id NOT IN (SELECT unnest(b.row_ids) FROM audit_blocks b WHERE b.organization_id = p_organization))
  ) c;
  IF ids IS NULL AND NOT moved THEN RETURN NULL; END IF;
  ids := coalesce(ids, '{}');
  hashes := coalesce(hashes, '{}');
  kept := coalesce(kept, '{}');
  times := coalesce(times, '{}');
  upper_end := least(upper_end, horizon);
  INSERT INTO audit_blocks (organization_id, number, era, upper_transaction, previous_hash, hash, row_ids, row_hashes,
    row_kept_hashes, row_times)
  SELECT p_organization, n.number, n.era, upper_end, n.previous,
    audit_block_hash(n.previous, p_organization, n.number, n.era, upper_end, ids, hashes, times), ids, hashes, kept,
    times
  FROM (SELECT coalesce(last.number, 0) + 1 AS number, coalesce(last.era, 0) + moved::int AS era,
          coalesce(last.hash, decode(repeat('00', 32), 'hex')) AS previous) n
  RETURNING number INTO made;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION make_audit_block(uuid, integer) FROM PUBLIC;

-- object: function audit_block_material(uuid, bigint)
-- What the signature of a block covers, and how many rows it has.
CREATE OR REPLACE FUNCTION audit_block_material(p_organization uuid, p_number bigint)
RETURNS TABLE (organization_id uuid, number bigint, hash bytea, kept bytea, sealed_us bigint, rows integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT b.organization_id, b.number, b.hash,
    sha256(coalesce((SELECT string_agg(int4send(length(k.hash)) || k.hash, ''::bytea ORDER BY k.place)
      FROM unnest(b.row_kept_hashes) WITH ORDINALITY k(hash, place)), ''::bytea)),
    (extract(epoch FROM b.sealed_at) * 1000000)::bigint, b.row_count
  FROM audit_blocks b WHERE b.organization_id = p_organization AND b.number = p_number
$$;
REVOKE ALL ON FUNCTION audit_block_material(uuid, bigint) FROM PUBLIC;

-- object: function may_seal(uuid)
-- Whether the caller may work on this trail: it is the transaction's own, or the caller is who owns the schema.
CREATE OR REPLACE FUNCTION may_seal(p_organization uuid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(p_organization = current_tenant(), false)
    OR pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = 'public.audit_blocks'::regclass), 'MEMBER')
$$;
REVOKE ALL ON FUNCTION may_seal(uuid) FROM PUBLIC;

-- object: function seal_trail(uuid, integer)
-- Makes the next block of the transaction's own organisation and returns what its signature covers; no row where there
-- is nothing to seal.
CREATE OR REPLACE FUNCTION seal_trail(p_organization uuid, p_limit integer DEFAULT 1000)
RETURNS TABLE (organization_id uuid, number bigint, hash bytea, kept bytea, sealed_us bigint, rows integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE made bigint;
BEGIN
  IF NOT may_seal(p_organization) THEN
    RAISE EXCEPTION 'only the trail of the transaction''s own organisation is sealed'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  made := make_audit_block(p_organization, p_limit);
  RETURN QUERY SELECT * FROM audit_block_material(p_organization, made);
END $$;
REVOKE ALL ON FUNCTION seal_trail(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seal_trail(uuid, integer) TO mnemon_app;

-- object: function seal_every_trail(integer)
-- Makes blocks of what can be sealed of every trail: of each organisation, also of those that are gone, and of the
-- installation; returns what the signatures cover. Organisations are found by one index probe each. A trail that
-- somebody is just sealing, or whose lock somebody holds, is passed over. For the worker.
CREATE OR REPLACE FUNCTION seal_every_trail(p_limit integer DEFAULT 1000)
RETURNS TABLE (organization_id uuid, number bigint, hash bytea, kept bytea, sealed_us bigint, rows integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  organization uuid := '00000000-0000-0000-0000-000000000000';
  made bigint;
  counted integer;
BEGIN
  LOOP
    WHILE pg_try_advisory_xact_lock(hashtextextended('audit:' || organization, 0)) LOOP
      made := make_audit_block(organization, p_limit);
      EXIT WHEN made IS NULL;
      RETURN QUERY SELECT * FROM audit_block_material(organization, made);
      SELECT b.row_count INTO counted FROM audit_blocks b WHERE b.organization_id = organization AND b.number = made;
      EXIT WHEN counted < p_limit;
    END LOOP;
    SELECT a.organization_id INTO organization FROM audit_logs a
    WHERE a.organization_id > organization ORDER BY a.organization_id LIMIT 1;
    EXIT WHEN NOT FOUND;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION seal_every_trail(integer) FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION seal_every_trail(integer) TO mnemon_worker;

-- object: function unsigned_trail(uuid)
-- Blocks of the transaction's own organisation without a signature: from before blocks were signed, or forged. `lone`:
-- no block of the trail has one.
CREATE OR REPLACE FUNCTION unsigned_trail(p_organization uuid)
RETURNS TABLE (
  organization_id uuid, number bigint, hash bytea, kept bytea, sealed_us bigint, rows integer, lone boolean
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT m.*, NOT EXISTS (SELECT FROM audit_blocks o WHERE o.organization_id = b.organization_id AND o.mac IS NOT NULL)
  FROM audit_blocks b CROSS JOIN LATERAL audit_block_material(b.organization_id, b.number) m
  WHERE b.mac IS NULL AND b.organization_id = p_organization AND may_seal(p_organization)
  ORDER BY b.number
$$;
REVOKE ALL ON FUNCTION unsigned_trail(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unsigned_trail(uuid) TO mnemon_app;

-- object: function every_unsigned_trail()
-- The same of every trail. For the worker.
CREATE OR REPLACE FUNCTION every_unsigned_trail()
RETURNS TABLE (
  organization_id uuid, number bigint, hash bytea, kept bytea, sealed_us bigint, rows integer, lone boolean
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT m.*, NOT EXISTS (SELECT FROM audit_blocks o WHERE o.organization_id = b.organization_id AND o.mac IS NOT NULL)
  FROM audit_blocks b CROSS JOIN LATERAL audit_block_material(b.organization_id, b.number) m
  WHERE b.mac IS NULL
  ORDER BY b.organization_id, b.number
$$;
REVOKE ALL ON FUNCTION every_unsigned_trail() FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION every_unsigned_trail() TO mnemon_worker;

-- object: function every_trail_head()
-- The newest block of each trail: what is to be written down outside. For the worker.
CREATE OR REPLACE FUNCTION every_trail_head() RETURNS TABLE (organization_id uuid, number bigint, hash bytea, mac bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT DISTINCT ON (b.organization_id) b.organization_id, b.number, b.hash, b.mac
  FROM audit_blocks b WHERE b.mac IS NOT NULL ORDER BY b.organization_id, b.number DESC
$$;
REVOKE ALL ON FUNCTION every_trail_head() FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION every_trail_head() TO mnemon_worker;

-- object: function sign_trails(uuid[], bigint[], bytea[], bytea, bytea)
-- Writes the signatures of blocks that have none. Only a process with the installation's key makes them, and it proves
-- that it is one: else whoever may call this could spoil a trail.
CREATE OR REPLACE FUNCTION sign_trails(
  p_organizations uuid[], p_numbers bigint[], p_macs bytea[], p_key bytea, p_proof bytea
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE signed integer;
BEGIN
  IF NOT coalesce(proven('seal:' || (
      SELECT encode(sha256(coalesce(string_agg(m.mac, ''::bytea ORDER BY m.place), ''::bytea)), 'hex')
      FROM unnest(p_macs) WITH ORDINALITY m(mac, place)), p_proof), false) THEN
    RAISE EXCEPTION 'who seals the trail is not proven' USING ERRCODE = 'insufficient_privilege';
  END IF;
  UPDATE audit_blocks b SET mac = s.mac, mac_key = p_key
  FROM unnest(p_organizations, p_numbers, p_macs) s(organization_id, number, mac)
  WHERE b.organization_id = s.organization_id AND b.number = s.number AND b.mac IS NULL;
  GET DIAGNOSTICS signed = ROW_COUNT;
  RETURN signed;
END $$;
REVOKE ALL ON FUNCTION sign_trails(uuid[], bigint[], bytea[], bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_trails(uuid[], bigint[], bytea[], bytea, bytea) TO mnemon_app;
