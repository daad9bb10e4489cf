-- What a copy begins with: the snapshot, the server, how often something was erased, and about how many rows there are.
-- Index: pk_recall_statistics.
SELECT {snapshot} AS snapshot, pg_postmaster_start_time()::text AS server, coalesce(max(s.erased), 0)::text AS erased,
  coalesce(max(s.indexed), 0) AS rows
FROM recall_statistics s WHERE s.organization_id = $1
