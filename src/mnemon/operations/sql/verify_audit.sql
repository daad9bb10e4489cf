-- Holds the trail of one organisation against its chain, in one snapshot: counts, and the first thing that is wrong.
-- $2 is the number and $3 the hash of a block that somebody wrote down elsewhere, or null. Reads the whole trail:
-- indexes pk_audit_blocks, ix_audit_logs_transaction.
WITH chain AS MATERIALIZED (
  SELECT b.*, row_number() OVER w AS expected, lag(b.hash) OVER w AS hash_before
  FROM audit_blocks b WHERE b.organization_id = $1 WINDOW w AS (ORDER BY b.number)
), kept AS (
  -- Retention is no excuse for what its policy would have kept.
  SELECT least(kept_since, now() - make_interval(days => retention_days)) AS since
  FROM partition_policies WHERE table_name = 'audit_logs'
), sealed AS MATERIALIZED (
  SELECT c.number, r.id, r.hash, r.at, r.place
  FROM chain c CROSS JOIN LATERAL unnest(c.row_ids, c.row_hashes, c.row_times) WITH ORDINALITY r(id, hash, at, place)
), compared AS (
  SELECT s.number, s.place, s.id, s.at, CASE
      WHEN a.id IS NULL AND s.at < (SELECT since FROM kept) THEN 'expired'
      WHEN a.id IS NULL THEN 'missing'
      -- Or it is what erasure left: with the hash that was sealed, and without content.
      WHEN audit_digest(a) <> s.hash AND NOT coalesce(
        a.metadata = jsonb_build_object('erased', jsonb_build_object(
          'by', a.metadata #> '{erased,by}', 'hash', encode(s.hash, 'hex')))
        AND a.old_value = '{}' AND a.new_value = '{}' AND a.error_message IS NULL
        AND a.ip_address IS NULL AND a.user_agent IS NULL, false) THEN 'changed'
    END AS problem
  FROM sealed s
  LEFT JOIN audit_logs a ON a.organization_id = $1 AND a.id = s.id AND a.created_at = s.at
), strangers AS (
  SELECT a.id, a.transaction_id < coalesce((SELECT upper_transaction FROM chain ORDER BY number DESC LIMIT 1), 0) AS late,
    (SELECT min(c.number) FROM chain c WHERE c.upper_transaction > a.transaction_id
      AND c.era = (SELECT max(era) FROM chain)) AS number
  FROM audit_logs a
  WHERE a.organization_id = $1 AND NOT EXISTS (SELECT FROM sealed s WHERE s.id = a.id AND s.at = a.created_at)
), problems AS (
  SELECT c.number, 0::bigint AS place, NULL::uuid AS id,
    CASE WHEN c.number <> c.expected OR c.previous_hash <> coalesce(c.hash_before, decode(repeat('00', 32), 'hex'))
      THEN 'chain' ELSE 'block' END AS problem
  FROM chain c
  WHERE c.number <> c.expected OR c.previous_hash <> coalesce(c.hash_before, decode(repeat('00', 32), 'hex'))
    OR c.hash <> audit_block_hash(
      c.previous_hash, c.organization_id, c.number, c.era, c.upper_transaction, c.row_ids, c.row_hashes, c.row_times)
  UNION ALL
  SELECT number, place, id, problem FROM compared WHERE problem IN ('missing', 'changed')
  UNION ALL
  SELECT number, 0, id, 'inserted' FROM strangers WHERE late
  UNION ALL
  SELECT $2::bigint, 0, NULL, 'anchor'
  WHERE $2::bigint IS NOT NULL AND NOT EXISTS (SELECT FROM chain WHERE number = $2 AND hash = $3::bytea)
)
SELECT
  (SELECT count(*) FROM chain) AS blocks,
  (SELECT count(*) FILTER (WHERE problem IS NULL OR problem = 'changed') FROM compared) AS sealed,
  (SELECT count(*) FILTER (WHERE problem = 'expired') FROM compared) AS expired,
  (SELECT count(*) FILTER (WHERE NOT late) FROM strangers) AS unsealed,
  (SELECT max(at) FROM sealed) AS sealed_until,
  (SELECT count(*) FROM problems) AS broken,
  f.problem, f.number AS block, f.id AS row_id,
  h.number AS head_number, h.hash AS head_hash
FROM (SELECT 1) one
LEFT JOIN (SELECT * FROM problems ORDER BY number NULLS LAST, place, id LIMIT 1) f ON true
LEFT JOIN (SELECT number, hash FROM chain ORDER BY number DESC LIMIT 1) h ON true
