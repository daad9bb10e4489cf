-- Statements of this database, the slowest on average first (seed 003). Needs the extension pg_stat_statements.
SELECT s.query, s.calls, s.total_exec_time AS total_ms, s.mean_exec_time AS mean_ms, s.max_exec_time AS maximum_ms,
  s.rows
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.query IS NOT NULL
ORDER BY s.mean_exec_time DESC LIMIT $1
