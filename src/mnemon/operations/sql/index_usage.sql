-- Every index of ours with those of its partitions, the most used first (seed 003). Reads statistics views only.
SELECT root.relname AS table, own.relname AS index, sum(s.idx_scan)::bigint AS scans,
  sum(s.idx_tup_read)::bigint AS rows_read, sum(s.idx_tup_fetch)::bigint AS rows_fetched,
  sum(pg_relation_size(s.indexrelid))::bigint AS bytes
FROM pg_stat_user_indexes s
JOIN pg_class part ON part.oid = s.indexrelid
JOIN pg_class tab ON tab.oid = s.relid
JOIN pg_class own ON own.oid = CASE WHEN part.relispartition THEN pg_partition_root(part.oid) ELSE part.oid END
JOIN pg_class root ON root.oid = CASE WHEN tab.relispartition THEN pg_partition_root(tab.oid) ELSE tab.oid END
WHERE s.schemaname = 'public'
GROUP BY root.relname, own.relname ORDER BY 3 DESC, 1, 2 LIMIT $1
