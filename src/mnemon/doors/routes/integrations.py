"""Routes of integrations: accounts elsewhere, what came from them, and webhooks."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("integrations.connect_integration", "POST", "/integrations"),
    Route("integrations.list_integrations", "GET", "/integrations"),
    Route("integrations.get_integration", "GET", "/integrations/{integration_id}"),
    Route("integrations.disconnect_integration", "DELETE", "/integrations/{integration_id}"),
    Route("integrations.read_tokens", "GET", "/integrations/{integration_id}/tokens"),
    Route("integrations.refresh_tokens", "PUT", "/integrations/{id}/tokens"),
    Route("integrations.report_failure", "POST", "/integrations/{id}/failures"),
    Route("integrations.save_cursor", "PUT", "/integrations/{id}/cursor"),
    Route("integrations.sync_events", "POST", "/integrations/{integration_id}/events"),
    Route("integrations.sync_files", "POST", "/integrations/{integration_id}/files"),
    Route("integrations.sync_mail", "POST", "/integrations/{integration_id}/mail"),
    Route("integrations.list_events", "GET", "/events"),
    Route("integrations.list_files", "GET", "/files"),
    Route("integrations.search_mail", "GET", "/mail"),
    Route("integrations.register_webhook", "POST", "/webhooks", 201),
    Route("integrations.list_webhooks", "GET", "/webhooks"),
    Route("integrations.update_webhook", "PATCH", "/webhooks/{id}"),
    Route("integrations.delete_webhook", "DELETE", "/webhooks/{webhook_id}"),
    Route("integrations.rotate_webhook_secret", "POST", "/webhooks/{webhook_id}/secret"),
    Route("integrations.enqueue_delivery", "POST", "/deliveries"),
    Route("integrations.list_deliveries", "GET", "/deliveries"),
    Route("integrations.get_delivery", "GET", "/deliveries/{delivery_id}"),
    Route("integrations.replay_delivery", "POST", "/deliveries/{delivery_id}/replay"),
    Route("integrations.claim_deliveries", "POST", "/deliveries/claim"),
    Route("integrations.record_attempt", "POST", "/deliveries/{id}/attempts"),
    Route("integrations.prune_deliveries", "POST", "/deliveries/prune"),
)
