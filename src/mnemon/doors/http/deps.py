"""Who calls: from a key, a session or a place on this machine to the context that verbs are asked with."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.requests import Request

from mnemon.context import Context
from mnemon.core.crypto import token_hash
from mnemon.core.errors import Unauthenticated
from mnemon.core.text import parse
from mnemon.doors.http.options import LOOPBACK
from mnemon.doors.http.serving import Serving
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import Authenticated, Token

KEY = "mnk_"
SESSION = "mna_"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        ctx: what verbs are asked with.
        known: whom the key or the session belongs to; None: the organisation itself, from this machine.
    """

    ctx: Context
    known: Authenticated | None

    @property
    def name(self) -> str:
        """What calls are counted by: the key, the session, or the organisation."""
        if self.known is None:
            return f"organization:{self.ctx.principal.organization_id}"
        return str(self.known.api_key_id or self.known.session_id)


async def caller_of(request: Request, serving: Serving) -> Caller:
    """Find out who calls.

    Raises:
        Unauthenticated: nobody who is known, with what to do about it.
    """
    ctx = serving.app.context
    token = bearer(request)
    if token is None and serving.session_of is not None:
        token = await serving.session_of(request)
    if token is not None:
        authenticated = await _authenticated(serving, token)
        return Caller(ctx.as_principal(authenticated.principal), authenticated)
    if serving.options.trust_loopback and is_near(request):
        return Caller(ctx, None)
    raise Unauthenticated(
        "This call names nobody.",
        code="unauthenticated.missing",
        hint="Send the header `Authorization: Bearer mnk_...` with an API key.",
    )


async def counted_caller_of(request: Request, serving: Serving) -> Caller:
    """Find out who calls; calls of nobody who is known are counted by their address.

    Raises:
        Unauthenticated: nobody who is known.
        TooMany: there were more of them than may come.
    """
    try:
        return await caller_of(request, serving)
    except Unauthenticated:
        await count_unknown(request, serving)
        raise


async def count_unknown(request: Request, serving: Serving) -> None:
    """Count a call of nobody who is known.

    Raises:
        TooMany: there were more than may come.
    """
    await serving.pace.take_unknown(request.client.host if request.client is not None else "")


def bearer(request: Request) -> SecretStr | None:
    """Return the token of the Authorization header, None if there is none.

    Raises:
        Unauthenticated: the header says something else.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token.startswith((KEY, SESSION)) or len(token) > 500:
        raise Unauthenticated(
            "The Authorization header has no key of Mnemon.",
            code="unauthenticated.header",
            hint="Send `Authorization: Bearer mnk_...`.",
        )
    return SecretStr(token)


async def _authenticated(serving: Serving, token: SecretStr) -> Authenticated:
    ctx, secret, request = serving.app.context, token.get_secret_value(), parse(Token, {"token": token})
    if not secret.startswith(KEY):
        return await identity.find_session(ctx, request)
    digest = token_hash(secret)
    authenticated: Authenticated | None = serving.callers.get(digest)
    if authenticated is not None:
        await identity.confirm_api_key(ctx, request)
        return authenticated
    authenticated = await identity.authenticate_api_key(ctx, request)
    serving.callers.put(digest, authenticated)
    return authenticated


def is_near(request: Request) -> bool:
    """Tell whether a call comes from this machine, and neither through a proxy nor by a page of somewhere else."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        near = ip_address(request.client.host).is_loopback
    except ValueError:
        return False
    origin = request.headers.get("origin")
    hosts = [request.url.hostname, *([urlsplit(origin).hostname] if origin is not None else [])]
    return near and LOOPBACK.issuperset(hosts) and not _is_cross_site(request)


def _is_cross_site(request: Request) -> bool:
    return request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
