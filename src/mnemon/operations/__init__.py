"""What keeps it running: the audit trail and its chain, partitions and retention, metrics, logs, monitoring.

Tables: audit_logs, audit_blocks, partition_policies, agent_metrics, system_metrics, metric_partials, metric_rollups,
error_logs, api_requests. Materialized view: metric_summary, read through the view metric_dashboard.
For a stream of measurements there is the class MetricWriter, for all five kinds.
"""
