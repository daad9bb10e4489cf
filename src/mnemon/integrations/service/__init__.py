"""The verbs of integrations."""

from mnemon.integrations.service.connections import (
    connect_integration,
    disconnect_integration,
    get_integration,
    list_integrations,
    read_tokens,
    refresh_tokens,
    report_failure,
    save_cursor,
)
from mnemon.integrations.service.sync import (
    list_events,
    list_files,
    search_mail,
    sync_events,
    sync_files,
    sync_mail,
)
from mnemon.integrations.service.webhooks import (
    claim_deliveries,
    delete_webhook,
    enqueue_delivery,
    list_deliveries,
    list_webhooks,
    prune_deliveries,
    record_attempt,
    register_webhook,
    rotate_webhook_secret,
    update_webhook,
)

__all__ = [
    "claim_deliveries",
    "connect_integration",
    "delete_webhook",
    "disconnect_integration",
    "enqueue_delivery",
    "get_integration",
    "list_deliveries",
    "list_events",
    "list_files",
    "list_integrations",
    "list_webhooks",
    "prune_deliveries",
    "read_tokens",
    "record_attempt",
    "refresh_tokens",
    "register_webhook",
    "report_failure",
    "rotate_webhook_secret",
    "save_cursor",
    "search_mail",
    "sync_events",
    "sync_files",
    "sync_mail",
    "update_webhook",
]
