-- Rollups of one organisation, oldest first, after the place ($8, $9, $10). Index: ix_metric_rollups_time, or
-- pk_metric_rollups with a subject.
SELECT subject, metric_type, bucket_start AS start, sample_count AS count, total / sample_count AS average, minimum, maximum,
  sqrt(greatest(total_of_squares / sample_count - (total / sample_count) ^ 2, 0)) AS deviation
FROM metric_rollups
WHERE organization_id = $1 AND source = $2::text AND bucket_size = $3::text
  AND ($4::text IS NULL OR subject = $4) AND ($5::text IS NULL OR metric_type = $5)
  AND bucket_start >= coalesce($6::timestamptz, '-infinity') AND bucket_start < coalesce($7::timestamptz, 'infinity')
  AND ($8::timestamptz IS NULL OR (bucket_start, subject, metric_type) > ($8, $9::text, $10::text))
ORDER BY bucket_start, subject, metric_type LIMIT $11
