"""Recovery codes: what stands for a second factor when the others are lost, each once."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.errors import Unauthenticated
from mnemon.identity import repository_access, repository_secrets
from mnemon.identity.schemas import UserRef
from mnemon.identity.schemas_access import Address
from mnemon.identity.schemas_signin import RecoveryCodes
from mnemon.identity.service import attempts
from mnemon.identity.service.people import no_user
from mnemon.identity.service.rights import OWN, may, outrank
from mnemon.verbs import verb

CODES = 10
_FORM = re.compile(r"[A-Z2-7]{10}")


@verb("account:write", "users:write", rule=OWN)
async def make_recovery_codes(ctx: Context, request: UserRef) -> RecoveryCodes:
    """Give a person ten recovery codes, in place of those they had; they are shown here and never again.

    Raises:
        NotFound: the organisation has no such person.
        Forbidden: somebody else's, and the principal has not ``users:write`` and all that the person may do.
    """
    may(ctx, request.user_id, own="account:write", others="users:write")
    organization = ctx.principal.organization_id
    codes = [base64.b32encode(secrets.token_bytes(10)).decode()[:10] for _ in range(CODES)]
    async with ctx.database.transaction(ctx.principal) as connection:
        await outrank(ctx, connection, request.user_id)
        if not await repository_access.is_alive(connection, organization, request.user_id):
            raise no_user(request.user_id)
        hashes = [_hash(ctx, request.user_id, code) for code in codes]
        await repository_secrets.replace_recovery_codes(connection, organization, request.user_id, hashes)
    return RecoveryCodes(codes=tuple(SecretStr(f"{code[:5]}-{code[5:]}".lower()) for code in codes))


def recovery_code(text: str) -> str | None:
    """Return the code that somebody typed, None if it cannot be one."""
    code = text.strip().replace("-", "").upper()
    return code if _FORM.fullmatch(code) else None


async def use_code(ctx: Context, user_id: UUID, code: str, address: Address | None) -> None:
    """Let a recovery code stand for a second factor.

    Args:
        ctx: the person themself.
        user_id: who that is.
        code: as :func:`recovery_code` gives it.
        address: where it comes from; attempts are counted by it too.

    Raises:
        Unauthenticated: it is none of theirs, or was used; or too many were tried.
    """
    organization = ctx.principal.organization_id
    subject = attempts.person(organization, user_id, None)
    attempt = await attempts.begin(ctx, subject, attempts.place(address), factor=True)
    if isinstance(attempt, timedelta):
        raise attempts.too_many(attempt, code="unauthenticated.mfa_locked", field="code")
    digest, now = _hash(ctx, user_id, code), ctx.clock.now()
    async with ctx.database.transaction(ctx.principal) as connection:
        used = await repository_secrets.use_recovery_code(connection, organization, user_id, digest, now)
        if not used:
            await repository_secrets.tell_of_refusal(connection, user_id)
    if not used:
        raise Unauthenticated("The code is not right.", code="unauthenticated.mfa_code", field="code")
    await attempts.settle(ctx, attempt)


def _hash(ctx: Context, user_id: UUID, code: str) -> bytes:
    return hmac.digest(ctx.database.installation.derive("recovery codes"), f"{user_id}:{code}".encode(), "sha256")
