-- The organisation's rows of the dashboard. Index: uq_metric_summary.
SELECT source, subject, metric_type, span, sample_count, average, minimum, maximum, deviation
FROM metric_dashboard
WHERE organization_id = $1 AND ($2::text IS NULL OR source = $2)
  AND ($3::text IS NULL OR subject = $3) AND ($4::text IS NULL OR metric_type = $4)
ORDER BY source, subject, metric_type, array_position(ARRAY['hour', 'day', 'week'], span) LIMIT $5
