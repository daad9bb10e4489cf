-- The organisation's rows of the dashboard as they are at this moment, added up from its own sums: what metric_summary
-- would have of it if it were renewed now. Index: ix_metric_rollups_time, or pk_metric_rollups with a subject.
SELECT r.source, r.subject, r.metric_type, w.span, sum(r.sample_count)::bigint AS sample_count,
  sum(r.total) / sum(r.sample_count) AS average, min(r.minimum) AS minimum, max(r.maximum) AS maximum,
  sqrt(greatest(sum(r.total_of_squares) / sum(r.sample_count) - (sum(r.total) / sum(r.sample_count)) ^ 2, 0))
    AS deviation
FROM metric_rollups r
JOIN (VALUES ('hour', interval '1 hour'), ('day', interval '24 hours'), ('week', interval '168 hours')) w(span, length)
  ON r.bucket_start >= date_trunc('hour', now(), 'UTC') - w.length AND r.bucket_start <= now()
WHERE r.organization_id = $1 AND r.bucket_size = 'hour' AND r.sample_count > 0
  AND r.bucket_start >= date_trunc('hour', now(), 'UTC') - interval '168 hours'
  AND ($2::text IS NULL OR r.source = $2) AND ($3::text IS NULL OR r.subject = $3)
  AND ($4::text IS NULL OR r.metric_type = $4)
GROUP BY r.source, r.subject, r.metric_type, w.span
ORDER BY r.source, r.subject, r.metric_type, array_position(ARRAY['hour', 'day', 'week'], w.span) LIMIT $5
