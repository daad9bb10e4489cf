"""Verbs that deal with the world outside, which are in neither walk: each with its reason."""

from __future__ import annotations

_WEBHOOKS = "the whole organisation's: its rows name no person and no team"

OUTSIDE: dict[str, str] = {
    **dict.fromkeys(
        (
            "integrations.register_webhook integrations.rotate_webhook_secret integrations.update_webhook "
            "integrations.delete_webhook integrations.enqueue_delivery integrations.record_attempt "
            "integrations.prune_deliveries integrations.send_deliveries integrations.replay_delivery "
            "integrations.get_delivery"
        ).split(),
        _WEBHOOKS,
    ),
}
