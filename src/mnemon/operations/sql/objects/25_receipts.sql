-- object: function sign_erasure(text, bigint, bytea, bytea, bytea, bytea)
-- Adds to the trail the signature of a receipt: of how many entries it lists, and of a digest of them. In the
-- transaction of the erasure, by the process, which proves that it is one.
CREATE OR REPLACE FUNCTION sign_erasure(
  p_receipt text, p_rows bigint, p_digest bytea, p_mac bytea, p_key bytea, p_proof bytea
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE tenant uuid := current_tenant();
BEGIN
  IF tenant IS NULL OR NOT coalesce(
      proven(format('erasure:%s:%s:%s', tenant, p_receipt, encode(p_mac, 'hex')), p_proof), false) THEN
    RAISE EXCEPTION 'who signs the receipt of an erasure is not proven' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM audit_write('erasure', 'receipt', ARRAY[tenant], ARRAY[p_receipt], ARRAY['{}'::jsonb], ARRAY['{}'::jsonb],
    'success', NULL, jsonb_build_object('receipt', p_receipt, 'seal', jsonb_build_object('rows', p_rows,
      'digest', encode(p_digest, 'hex'), 'mac', encode(p_mac, 'hex'), 'key', encode(p_key, 'hex'))));
END $$;
REVOKE ALL ON FUNCTION sign_erasure(text, bigint, bytea, bytea, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_erasure(text, bigint, bytea, bytea, bytea, bytea) TO mnemon_app;

-- object: function sign_retention(uuid, timestamptz, integer, timestamptz, bytea, bytea, bytea)
-- Adds to the installation's trail the signed record that rows of the trail before a time may go: of all trails, or of
-- one that was imported without them. Nothing of the trail goes without (maintain_partitions_at).
CREATE OR REPLACE FUNCTION sign_retention(
  p_organization uuid, p_until timestamptz, p_days integer, p_made timestamptz, p_mac bytea, p_key bytea, p_proof bytea
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT coalesce(proven('retention:' || encode(p_mac, 'hex'), p_proof), false) THEN
    RAISE EXCEPTION 'who signs what retention takes is not proven' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM audit_write('retention', 'audit_logs', ARRAY[NULL::uuid], ARRAY[p_organization::text], ARRAY['{}'::jsonb],
    ARRAY['{}'::jsonb], 'success', NULL, jsonb_build_object('table', 'audit_logs', 'until', p_until,
      'until_us', (extract(epoch FROM p_until) * 1000000)::bigint, 'days', p_days,
      'made_us', (extract(epoch FROM p_made) * 1000000)::bigint, 'mac', encode(p_mac, 'hex'),
      'key', encode(p_key, 'hex')));
END $$;
REVOKE ALL ON FUNCTION sign_retention(uuid, timestamptz, integer, timestamptz, bytea, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_retention(uuid, timestamptz, integer, timestamptz, bytea, bytea, bytea) TO mnemon_app;

-- object: function audit_retentions(uuid)
-- The records of what retention took that concern a trail, each with its signature; whoever reads them checks it.
CREATE OR REPLACE FUNCTION audit_retentions(p_organization uuid)
RETURNS TABLE (organization_id uuid, until_us bigint, days integer, made_us bigint, mac bytea, key bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT a.resource_id::uuid, (a.metadata ->> 'until_us')::bigint, (a.metadata ->> 'days')::integer,
    (a.metadata ->> 'made_us')::bigint, decode(a.metadata ->> 'mac', 'hex'), decode(a.metadata ->> 'key', 'hex')
  FROM audit_logs a
  WHERE a.organization_id = '00000000-0000-0000-0000-000000000000' AND a.action = 'retention'
    AND (a.resource_id = '00000000-0000-0000-0000-000000000000'
      OR a.resource_id = p_organization::text AND may_seal(p_organization));
END $$;
REVOKE ALL ON FUNCTION audit_retentions(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_retentions(uuid) TO mnemon_app;

-- object: function audit_retention_due(timestamptz)
-- Whether rows of the trail before a time are there and no record says yet that they may go.
CREATE OR REPLACE FUNCTION audit_retention_due(p_until timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN NOT EXISTS (SELECT FROM audit_retentions('00000000-0000-0000-0000-000000000000') r
                     WHERE r.until_us >= (extract(epoch FROM p_until) * 1000000)::bigint)
    AND (EXISTS (SELECT FROM partition_bounds('audit_logs') b WHERE b.upper_bound <= p_until)
      OR EXISTS (SELECT FROM ONLY audit_logs_default d WHERE d.created_at < p_until));
END $$;
REVOKE ALL ON FUNCTION audit_retention_due(timestamptz) FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION audit_retention_due(timestamptz) TO mnemon_worker;
