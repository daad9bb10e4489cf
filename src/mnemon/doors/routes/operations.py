"""Routes of operations: the trail, logs, measurements, erasure."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("operations.audit_trail", "GET", "/audit"),
    Route("operations.record_event", "POST", "/audit", 201),
    Route("operations.verify_audit", "GET", "/audit/verification"),
    Route("operations.seal_audit", "POST", "/audit/seal"),
    Route("operations.ingest_metrics", "POST", "/metrics"),
    Route("operations.dashboard", "GET", "/metrics/dashboard"),
    Route("operations.list_rollups", "GET", "/metrics/rollups"),
    Route("operations.roll_up_metrics", "POST", "/metrics/rollups"),
    Route("operations.log_request", "POST", "/requests", 201),
    Route("operations.request_statistics", "GET", "/requests"),
    Route("operations.log_error", "POST", "/errors", 201),
    Route("operations.errors_by_kind", "GET", "/errors"),
    Route("operations.erase", "POST", "/erasures"),
    Route("operations.preview_erasure", "POST", "/erasures/preview"),
)
