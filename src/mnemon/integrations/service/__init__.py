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
from mnemon.integrations.service.deliveries import (
    claim_deliveries,
    enqueue_delivery,
    get_delivery,
    list_deliveries,
    prune_deliveries,
    record_attempt,
    replay_delivery,
    send_deliveries,
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
    delete_webhook,
    list_webhooks,
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
    "get_delivery",
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
    "replay_delivery",
    "report_failure",
    "rotate_webhook_secret",
    "save_cursor",
    "search_mail",
    "send_deliveries",
    "sync_events",
    "sync_files",
    "sync_mail",
    "update_webhook",
]
