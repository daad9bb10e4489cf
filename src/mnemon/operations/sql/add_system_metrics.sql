-- Writes measurements of the system, one array a column; the array of metadata may be null.
INSERT INTO system_metrics (organization_id, id, component, host, metric_type, value, "timestamp", metadata)
SELECT $1, n.id, n.component, n.host, n.metric_type, n.value, coalesce(n.at, now()), coalesce(n.metadata::jsonb, '{}')
FROM unnest($2::text[], $3::text[], $4::text[], $5::float8[], $6::timestamptz[], $7::text[], $8::uuid[])
  AS n(component, host, metric_type, value, at, metadata, id)
