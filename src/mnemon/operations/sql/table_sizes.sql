-- Every table of ours with its partitions, the largest first (seed 003). Reads the catalogue only.
SELECT root.relname AS table, sum(pg_total_relation_size(part.oid))::bigint AS total_bytes,
  sum(pg_table_size(part.oid))::bigint AS table_bytes, sum(pg_indexes_size(part.oid))::bigint AS index_bytes,
  sum(greatest(part.reltuples, 0))::bigint AS estimated_rows,
  count(*) FILTER (WHERE part.relispartition) AS partitions
FROM pg_class part
JOIN pg_class root ON root.oid = CASE WHEN part.relispartition THEN pg_partition_root(part.oid) ELSE part.oid END
WHERE part.relkind IN ('r', 'm') AND part.relnamespace = 'public'::regnamespace
GROUP BY root.relname ORDER BY 2 DESC, 1 LIMIT $1
