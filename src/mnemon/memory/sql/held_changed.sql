-- Rows that a snapshot, $2, did not see: ordinals of the organisation's rows, packed, at most {limit}; and the snapshot
-- that they were looked for in, see held_rows.
-- Index: ix_{table}_changed.
(SELECT count(*) AS rows, {snapshot} AS snapshot,
   string_agg(int8send(r.ordinal), '') AS ordinal
 FROM (
   SELECT t.ordinal FROM {table} t
   WHERE t.organization_id = $1 AND t.changed >= pg_snapshot_xmin($2::text::pg_snapshot)::text::bigint
     AND NOT pg_visible_in_snapshot(t.changed::text::xid8, $2::text::pg_snapshot)
   LIMIT {limit}
 ) r)
