-- Holds the trail of one organisation against its chain, in one snapshot: counts, and the first thing that is wrong.
-- $2 and $3 are numbers and hashes of blocks that were written down elsewhere. $4: rows before it may be gone, since
-- what retention took was signed. $5: receipts of erasures whose signature was checked. $6: blocks up to this number are
-- from before blocks were signed. Tables by their schema, and nothing else that is not in pg_catalog: it runs with
-- pg_catalog as its search path, so that no function of the schema's owner is asked whether the owner changed something.
-- Reads the whole trail: indexes pk_audit_blocks, ix_audit_logs_transaction, ix_audit_logs_action.
WITH chain AS MATERIALIZED (
  SELECT b.*, row_number() OVER w AS expected, lag(b.hash) OVER w AS hash_before
  FROM public.audit_blocks b WHERE b.organization_id = $1 WINDOW w AS (ORDER BY b.number)
), sealed AS MATERIALIZED (
  SELECT c.number, r.id, r.hash, r.at, r.kept, r.place
  FROM chain c CROSS JOIN LATERAL
    unnest(c.row_ids, c.row_hashes, c.row_times, c.row_kept_hashes) WITH ORDINALITY r(id, hash, at, kept, place)
), hashed AS (
  SELECT c.number, sha256(
      c.previous_hash || uuid_send(c.organization_id) || int8send(c.number) || int4send(c.era)
      || int8send(c.upper_transaction) || coalesce((
        SELECT string_agg(uuid_send(r.id) || r.hash || int8send((extract(epoch FROM r.at) * 1000000)::bigint),
          ''::bytea ORDER BY r.place)
        FROM unnest(c.row_ids, c.row_hashes, c.row_times) WITH ORDINALITY r(id, hash, at, place)), ''::bytea)) AS hash
  FROM chain c
), entries AS (
  SELECT a.id, a.created_at, a.transaction_id, a.metadata,
    sha256(convert_to(jsonb_build_array(
      a.organization_id, a.id, extract(epoch FROM a.created_at), a.transaction_id, a.user_id, a.agent_id, a.session_id,
      a.action, a.resource_type, a.resource_id, a.ip_address::text, a.user_agent, a.old_value, a.new_value, a.status,
      a.error_message, a.metadata)::text, 'UTF8')) AS digest,
    CASE WHEN a.metadata ? 'erased' THEN sha256(convert_to(jsonb_build_array(
      a.organization_id, a.id, extract(epoch FROM a.created_at), a.transaction_id, a.user_id, a.agent_id, a.session_id,
      a.action, a.resource_type,
      CASE WHEN a.resource_id ~ '^[0-9a-f-]{36}(:[0-9a-f-]{36})*$' THEN a.resource_id END, a.status)::text, 'UTF8'))
    END AS kept,
    -- What erasure leaves: nothing that says what was done or from where, and no name that is not an id.
    a.metadata = jsonb_build_object('erased', jsonb_build_object(
      'by', a.metadata #> '{erased,by}', 'hash', a.metadata #> '{erased,hash}'))
      AND a.old_value = '{}' AND a.new_value = '{}' AND a.error_message IS NULL AND a.ip_address IS NULL
      AND a.user_agent IS NULL AND coalesce(a.resource_id ~ '^[0-9a-f-]{36}(:[0-9a-f-]{36})*$', true) AS blank
  FROM public.audit_logs a WHERE a.organization_id = $1
), erasures AS MATERIALIZED (
  SELECT a.id, a.metadata ->> 'receipt' AS receipt, a.metadata -> 'blanked' AS blanked, a.metadata ->> 'digest' AS digest,
    coalesce(s.number <= $6::bigint AND s.hash = e.digest, false) AS old
  FROM public.audit_logs a
  JOIN entries e ON e.id = a.id AND e.created_at = a.created_at
  LEFT JOIN sealed s ON s.id = a.id AND s.at = a.created_at
  WHERE a.organization_id = $1 AND a.action = 'erasure'
), listed AS MATERIALIZED (
  -- The entries that an erasure has blanked: it says so itself, and is signed, or older than signatures.
  SELECT b.value ->> 'id' AS id, b.value ->> 'hash' AS hash, r.receipt
  FROM erasures r CROSS JOIN LATERAL jsonb_array_elements(
    CASE jsonb_typeof(r.blanked) WHEN 'array' THEN r.blanked ELSE '[]' END) b
  WHERE r.receipt = ANY ($5::text[]) OR r.old
  UNION ALL
  -- An older form, which counts the entries and has one digest of them all as they are now.
  SELECT e.id::text, e.metadata #>> '{erased,hash}', r.receipt
  FROM erasures r JOIN entries e ON e.metadata #>> '{erased,by}' = r.receipt
  WHERE r.old AND jsonb_typeof(r.blanked) = 'number' AND (
    SELECT encode(sha256(coalesce(string_agg(o.digest, ''::bytea ORDER BY o.id), ''::bytea)), 'hex') = r.digest
      OR $4::timestamptz IS NOT NULL AND count(*)
        < CASE jsonb_typeof(r.blanked) WHEN 'number' THEN (r.blanked #>> '{}')::numeric ELSE 0 END
    FROM entries o WHERE o.metadata #>> '{erased,by}' = r.receipt)
), seen AS MATERIALIZED (
  SELECT e.*, s.number, s.place, s.hash AS sealed_hash, s.kept AS sealed_kept,
    NOT coalesce(e.metadata ? 'erased', false) OR e.blank AND EXISTS (
      SELECT FROM listed l WHERE l.id = e.id::text AND l.hash = e.metadata #>> '{erased,hash}'
        AND l.receipt = e.metadata #>> '{erased,by}') AS explained
  FROM entries e LEFT JOIN sealed s ON s.id = e.id AND s.at = e.created_at
), compared AS (
  SELECT v.number, v.place, v.id, CASE
      WHEN NOT v.explained THEN 'erased'
      WHEN v.digest <> v.sealed_hash AND NOT (
        v.metadata ? 'erased' AND v.metadata #>> '{erased,hash}' = encode(v.sealed_hash, 'hex')
        AND coalesce(v.kept = v.sealed_kept, false)) THEN 'changed'
    END AS problem
  FROM seen v WHERE v.number IS NOT NULL
  UNION ALL
  SELECT s.number, s.place, s.id, CASE WHEN s.at < $4::timestamptz THEN 'expired' ELSE 'missing' END
  FROM sealed s WHERE NOT EXISTS (SELECT FROM entries e WHERE e.id = s.id AND e.created_at = s.at)
), strangers AS (
  SELECT v.id, v.explained,
    v.transaction_id < coalesce((SELECT upper_transaction FROM chain ORDER BY number DESC LIMIT 1), 0) AS late,
    (SELECT min(c.number) FROM chain c WHERE c.upper_transaction > v.transaction_id
      AND c.era = (SELECT max(era) FROM chain)) AS number
  FROM seen v WHERE v.number IS NULL
), problems AS (
  SELECT c.number, 0::bigint AS place, NULL::uuid AS id,
    CASE WHEN c.number <> c.expected OR c.previous_hash <> coalesce(c.hash_before, decode(repeat('00', 32), 'hex'))
      THEN 'chain' ELSE 'block' END AS problem
  FROM chain c JOIN hashed h ON h.number = c.number
  WHERE c.number <> c.expected OR c.previous_hash <> coalesce(c.hash_before, decode(repeat('00', 32), 'hex'))
    OR c.hash <> h.hash
  UNION ALL
  SELECT number, place, id, problem FROM compared WHERE problem IN ('missing', 'changed', 'erased')
  UNION ALL
  SELECT number, 0, id, CASE WHEN late THEN 'inserted' ELSE 'erased' END FROM strangers WHERE late OR NOT explained
  UNION ALL
  SELECT a.number, 0, NULL, 'anchor' FROM unnest($2::bigint[], $3::bytea[]) AS a(number, hash)
  WHERE NOT EXISTS (SELECT FROM chain c WHERE c.number = a.number AND c.hash = a.hash)
)
SELECT
  (SELECT count(*) FROM chain) AS blocks,
  (SELECT count(*) FILTER (WHERE problem IS NULL OR problem IN ('changed', 'erased')) FROM compared) AS sealed,
  (SELECT count(*) FILTER (WHERE problem = 'expired') FROM compared) AS expired,
  (SELECT count(*) FILTER (WHERE NOT late) FROM strangers) AS unsealed,
  (SELECT max(at) FROM sealed) AS sealed_until,
  (SELECT count(*) FROM problems) AS broken,
  f.problem, f.number AS block, f.id AS row_id,
  h.number AS head_number, h.hash AS head_hash
FROM (SELECT 1) one
LEFT JOIN (SELECT * FROM problems ORDER BY number NULLS LAST, place, id LIMIT 1) f ON true
LEFT JOIN (SELECT number, hash FROM chain ORDER BY number DESC LIMIT 1) h ON true
