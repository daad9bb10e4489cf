-- Errors of one organisation from $2 to $3 by kind, code and level, the most frequent first. Index: ix_error_logs_time.
SELECT kind, code, level::text, count(*) AS count, count(DISTINCT fingerprint) AS causes,
  count(DISTINCT user_id) AS people, min("timestamp") AS first_at, max("timestamp") AS last_at,
  (array_agg(message ORDER BY "timestamp" DESC))[1] AS last_message
FROM error_logs
WHERE organization_id = $1 AND "timestamp" >= $2 AND "timestamp" < $3
GROUP BY kind, code, level ORDER BY count(*) DESC, kind, code, level LIMIT $4
