"""Verbs that deal with the world outside, which are in neither walk: each with its reason."""

from __future__ import annotations

_WEBHOOKS = "the whole organisation's: its rows name no person and no team"

_FILES = "a person's own files: tests/workspace/test_assets.py has who reaches them"

_PROOF = "asks for the secret that proves who somebody is"
_RANK = "acts on an account: rank decides, tests/identity/test_signing_in.py"

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
    **dict.fromkeys(
        (
            "workspace.put_asset workspace.get_asset workspace.read_asset workspace.list_assets workspace.delete_asset "
            "workspace.sweep_assets workspace.sweep_unowned_assets"
        ).split(),
        _FILES,
    ),
    **dict.fromkeys(
        (
            "identity.sign_in identity.finish_sign_in identity.send_code identity.ask_reset identity.reset_password "
            "identity.sign_in_trusted"
        ).split(),
        _PROOF,
    ),
    **dict.fromkeys(
        "identity.enrol_sms identity.invite_user identity.send_account_mail identity.make_recovery_codes".split(), _RANK
    ),
}
