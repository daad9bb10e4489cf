"""The verbs of operations: the audit trail, partitions, metrics, error and request logs, monitoring."""

from mnemon.operations.service.audit import (
    audit_trail,
    note_origin,
    record_event,
    seal_audit,
    seal_audits,
    seal_receipt,
    verify_audit,
)
from mnemon.operations.service.buffer import MetricWriter
from mnemon.operations.service.erasure import erase, preview_erasure
from mnemon.operations.service.logs import errors_by_kind, log_error, log_request, request_statistics, write_notes
from mnemon.operations.service.metrics import (
    dashboard,
    ingest_metrics,
    list_rollups,
    refresh_dashboard,
    roll_up_metrics,
)
from mnemon.operations.service.monitoring import index_usage, slow_queries, table_sizes
from mnemon.operations.service.partitions import maintain_partitions

__all__ = [
    "MetricWriter",
    "audit_trail",
    "dashboard",
    "erase",
    "errors_by_kind",
    "index_usage",
    "ingest_metrics",
    "list_rollups",
    "log_error",
    "log_request",
    "maintain_partitions",
    "note_origin",
    "preview_erasure",
    "record_event",
    "refresh_dashboard",
    "request_statistics",
    "roll_up_metrics",
    "seal_audit",
    "seal_audits",
    "seal_receipt",
    "slow_queries",
    "table_sizes",
    "verify_audit",
    "write_notes",
]
