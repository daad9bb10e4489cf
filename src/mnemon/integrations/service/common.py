"""What the verbs of integrations share."""

from __future__ import annotations

from typing import Any, TypeVar, cast
from uuid import UUID

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.crypto import SecretBox, parse_keys
from mnemon.core.errors import NotFound
from mnemon.core.text import Schema

S = TypeVar("S", bound=Schema)


def read(schema: type[S], row: Any) -> S:
    """A row as a schema; it comes from the database, so it is not validated again."""
    values = {name: getattr(row, name) for name in schema.model_fields}
    made: Any = schema.model_construct(None, **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    return cast("S", made)


def missing(what: str, row_id: UUID) -> NotFound:
    """There is no such row, or it is not this principal's: the two look the same."""
    return NotFound(f"There is no {what} {row_id}.", code=f"not_found.{what}", id=str(row_id))


def seal(ctx: Context, secret: SecretStr | None, purpose: str) -> str | None:
    """The secret as it is stored; for this purpose of this organisation only.

    Raises:
        Unavailable: there is no key to encrypt it with.
    """
    if secret is None:
        return None
    return _box(ctx).encrypt(secret.get_secret_value(), purpose=_purpose(ctx, purpose))


def unseal(ctx: Context, stored: str, purpose: str) -> SecretStr:
    """The secret that was stored for this purpose.

    Raises:
        Unavailable: its key is not there, or it was stored for another purpose.
    """
    return SecretStr(_box(ctx).decrypt(stored, purpose=_purpose(ctx, purpose)))


def _purpose(ctx: Context, purpose: str) -> str:
    return f"{ctx.principal.organization_id}:{purpose}"


def _box(ctx: Context) -> SecretBox:
    key = ctx.settings.secret_key
    return SecretBox(parse_keys(key.get_secret_value()) if key is not None else ())
