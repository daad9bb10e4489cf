-- Requests of one organisation from $2 to $3 by route, the most frequent first. Index: ix_api_requests_time.
SELECT method, route, count(*) AS count,
  count(*) FILTER (WHERE status_code BETWEEN 400 AND 499) AS client_errors,
  count(*) FILTER (WHERE status_code >= 500) AS server_errors,
  avg(duration_ms) AS mean_ms, max(duration_ms) AS maximum_ms,
  percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_ms) AS percentiles
FROM api_requests
WHERE organization_id = $1 AND "timestamp" >= $2 AND "timestamp" < $3
GROUP BY method, route ORDER BY count(*) DESC, route, method LIMIT $4
