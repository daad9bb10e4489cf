"""What the verbs of integrations share."""

from __future__ import annotations

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.crypto import SecretBox, parse_keys


def seal(ctx: Context, secret: SecretStr | None, purpose: str) -> str | None:
    """Return the secret as it is stored; for this purpose of this organisation only.

    Raises:
        Unavailable: there is no key to encrypt it with.
    """
    if secret is None:
        return None
    return _box(ctx).encrypt(secret.get_secret_value(), purpose=_purpose(ctx, purpose))


def unseal(ctx: Context, stored: str, purpose: str) -> SecretStr:
    """Return the secret that was stored for this purpose.

    Raises:
        Unavailable: its key is not there, or it was stored for another purpose.
    """
    return SecretStr(_box(ctx).decrypt(stored, purpose=_purpose(ctx, purpose)))


def _purpose(ctx: Context, purpose: str) -> str:
    return f"{ctx.principal.organization_id}:{purpose}"


def _box(ctx: Context) -> SecretBox:
    key = ctx.settings.secret_key
    return SecretBox(parse_keys(key.get_secret_value()) if key is not None else ())
