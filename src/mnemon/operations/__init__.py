"""What keeps it running: the audit trail and its chain, partitions and retention, metrics, logs, monitoring.

Tables: audit_logs, audit_blocks, partition_policies, agent_metrics, system_metrics, metric_partials, metric_rollups,
error_logs, api_requests. Materialized view: metric_summary, read through the view metric_dashboard.
Verbs: record_event, audit_trail, seal_audit, seal_audits, seal_receipt, verify_audit; maintain_partitions;
ingest_metrics (and the class MetricWriter, for all five kinds), roll_up_metrics, list_rollups, dashboard,
refresh_dashboard; log_error, errors_by_kind, log_request, request_statistics; table_sizes, index_usage, slow_queries;
erase, preview_erasure.
"""
