"""Other services' data: connections, mail, calendars, files, webhooks.

Tables: integrations, gmail_messages, calendar_events, drive_files, webhook_endpoints, webhook_deliveries.
Verbs: connect_integration, get_integration, list_integrations, read_tokens, refresh_tokens, save_cursor,
report_failure, disconnect_integration; sync_mail, sync_events, sync_files, search_mail, list_events, list_files;
register_webhook, rotate_webhook_secret, update_webhook, delete_webhook, list_webhooks; enqueue_delivery,
claim_deliveries, record_attempt, list_deliveries, prune_deliveries. ``signing`` has the deliveries' signature.
"""
