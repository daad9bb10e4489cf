"""Whom an access token belongs to, in Redis in front of PostgreSQL (REQ-T123).

What was found is kept for a few seconds, signed with the installation's key and bound to the token's hash, so that
whoever writes into Redis makes nobody anybody. It counts only while the word is the same that was there before the
database was asked. Whatever ends a session or changes what people may do puts another word there before it returns; so
an answer that was read before the change and kept after it is never believed.
"""

from __future__ import annotations

import functools
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from mnemon.context import Context
from mnemon.identity.schemas_access import Authenticated

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

#: Seconds that an answer is believed at most: all that is left of one where Redis could not be told of a change.
SECONDS = 5.0
_WORD_SECONDS = 86_400.0
_SEAL = 32


async def found(
    ctx: Context, digest: bytes, ask: Callable[[], Awaitable[tuple[Authenticated, float]]]
) -> Authenticated:
    """Return whom a token belongs to: from Redis where that is known, else from the database.

    Args:
        ctx: whose installation it is.
        digest: the token's hash.
        ask: asks the database; the answer, and how many seconds the token lasts.
    """
    if ctx.shared is None:
        return (await ask())[0]
    entry, word_key = _key(ctx, digest), _word_key(ctx)
    both = await ctx.shared.get([entry, word_key])
    value, word = both if both is not None else (None, None)
    if value is not None and word is not None and (believed := _opened(ctx, digest, word, value)) is not None:
        return believed
    if both is not None and word is None:
        await ctx.shared.put({word_key: _new_word()}, _WORD_SECONDS, only_new=True)
        word = (await ctx.shared.get([word_key]) or [None])[0]
    answer, lasts = await ask()
    if word is not None and lasts > 0:
        until = ctx.clock.now().timestamp() + min(SECONDS, lasts)
        await ctx.shared.put({entry: _sealed(ctx, digest, word, answer, until)}, min(SECONDS, lasts))
    return answer


async def forget(ctx: Context) -> None:
    """Believe nothing any more that was kept until now; called after a change is committed."""
    if ctx.shared is not None:
        await ctx.shared.put({_word_key(ctx): _new_word()}, _WORD_SECONDS)


def forgets(verb: F) -> F:
    """Mark a verb that ends sessions or changes what people may do: once it is done, nothing of before is believed."""

    @functools.wraps(verb)
    async def forgetting(ctx: Context, *args: Any, **kwargs: Any) -> Any:
        try:
            return await verb(ctx, *args, **kwargs)
        finally:
            await forget(ctx)

    forgetting.forgets = True  # type: ignore[attr-defined]
    return cast("F", forgetting)


def _new_word() -> bytes:
    return secrets.token_bytes(16)


def _secret(ctx: Context) -> bytes:
    return ctx.database.installation.derive("sessions in redis")


def _key(ctx: Context, digest: bytes) -> str:
    return f"mnemon:session:{hmac.digest(_secret(ctx), digest, 'sha256').hex()}"


def _word_key(ctx: Context) -> str:
    return f"mnemon:word:{hmac.digest(_secret(ctx), b'word', 'sha256').hex()}"


def _sealed(ctx: Context, digest: bytes, word: bytes, answer: Authenticated, until: float) -> bytes:
    body = f"{until:.3f} {answer.model_dump_json()}".encode()
    return hmac.digest(_secret(ctx), digest + word + body, "sha256") + body


def _opened(ctx: Context, digest: bytes, word: bytes, value: bytes) -> Authenticated | None:
    """Return what was kept, if it is of this token, under this word, ours, and not too old."""
    seal, body = value[:_SEAL], value[_SEAL:]
    if not hmac.compare_digest(seal, hmac.digest(_secret(ctx), digest + word + body, "sha256")):
        return None
    until, _, text = body.partition(b" ")
    try:
        if float(until) <= ctx.clock.now().timestamp():
            return None
        return Authenticated.model_validate_json(text)
    except (ValueError, ValidationError):
        return None
