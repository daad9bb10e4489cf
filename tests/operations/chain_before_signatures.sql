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

-- object: function seal_audit(uuid, integer)
-- Seals the rows of finished transactions that no block holds yet, about p_limit of them, as the next block of the
-- organisation's chain; returns how many. A row of a transaction that still runs is left for a later block, so none is
-- missed; sealers of one organisation wait for each other, writers wait for nobody. A transaction is never split.
CREATE OR REPLACE FUNCTION seal_audit(p_organization uuid, p_limit integer DEFAULT 1000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
  times timestamptz[];
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
  SELECT array_agg(c.id ORDER BY c.place), array_agg(c.hash ORDER BY c.place), array_agg(c.created_at ORDER BY c.place)
  INTO ids, hashes, times
  FROM (
    SELECT a.id, a.created_at, audit_digest(a) AS hash,
      row_number() OVER (ORDER BY a.transaction_id, a.created_at, a.id) AS place
    FROM audit_logs a
    WHERE a.organization_id = p_organization AND a.transaction_id >= lower_end AND a.transaction_id < upper_end
      AND (a.transaction_id < horizon OR a.transaction_id >= pg_snapshot_xmax(running)::text::bigint)
      AND (NOT moved AND coalesce(last.era, 0) = 0
           OR a.id NOT IN (SELECT unnest(b.row_ids) FROM audit_blocks b WHERE b.organization_id = p_organization))
  ) c;
  IF ids IS NULL AND NOT moved THEN RETURN 0; END IF;
  ids := coalesce(ids, '{}');
  hashes := coalesce(hashes, '{}');
  times := coalesce(times, '{}');
  upper_end := least(upper_end, horizon);
  INSERT INTO audit_blocks (organization_id, number, era, upper_transaction, previous_hash, hash, row_ids, row_hashes,
    row_times)
  SELECT p_organization, n.number, n.era, upper_end, n.previous,
    audit_block_hash(n.previous, p_organization, n.number, n.era, upper_end, ids, hashes, times), ids, hashes, times
  FROM (SELECT coalesce(last.number, 0) + 1 AS number, coalesce(last.era, 0) + moved::int AS era,
          coalesce(last.hash, decode(repeat('00', 32), 'hex')) AS previous) n;
  RETURN cardinality(ids);
END $$;
REVOKE ALL ON FUNCTION seal_audit(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seal_audit(uuid, integer) TO mnemon_app;

-- object: function seal_every_audit(integer)
-- Seals what can be sealed of every trail: of each organisation, also of those that are gone, and of the installation.
-- Returns how many rows. Organisations are found by one index probe each.
CREATE OR REPLACE FUNCTION seal_every_audit(p_limit integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  organization uuid := '00000000-0000-0000-0000-000000000000';
  sealed integer;
  total bigint := 0;
BEGIN
  LOOP
    LOOP
      sealed := seal_audit(organization, p_limit);
      total := total + sealed;
      EXIT WHEN sealed < p_limit;
    END LOOP;
    SELECT a.organization_id INTO organization FROM audit_logs a
    WHERE a.organization_id > organization ORDER BY a.organization_id LIMIT 1;
    EXIT WHEN NOT FOUND;
  END LOOP;
  RETURN total;
END $$;
REVOKE ALL ON FUNCTION seal_every_audit(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seal_every_audit(integer) TO mnemon_app;
