"""What keeps it running: partitions, retention, metrics, the audit trail and its verification.

Tables: audit_logs, agent_metrics, system_metrics, error_logs, api_requests.
"""
