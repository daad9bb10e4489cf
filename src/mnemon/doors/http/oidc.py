"""Signing in with an OpenID Connect provider: the code flow with PKCE, state and nonce, for any issuer.

What has to be remembered between the two calls travels in a cookie, encrypted with the installation's key: whoever
comes back is the browser that went, and nothing is kept here.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mnemon.context import Context
from mnemon.core.crypto import SecretBox
from mnemon.core.errors import MnemonError, NotFound, Unauthenticated, Unavailable
from mnemon.core.settings import Settings
from mnemon.core.text import parse
from mnemon.doors.http import errors
from mnemon.doors.http.serving import Serving
from mnemon.doors.http.signin import PATH as SIGN_IN
from mnemon.doors.http.signin import SignInRoutes, place_of
from mnemon.identity import service as identity
from mnemon.identity.schemas_signin import TrustedIdentity

PATH = f"{SIGN_IN}/oidc"
COOKIE = "mnemon_oidc"
#: Seconds that somebody has to sign in at the provider, and that what it says of itself is believed.
_MINUTES, _HOUR = 600, 3600.0
_SECONDS = 10.0
#: How tokens may be signed: by keys that the provider alone has.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class Provider:
    """The provider of the settings, as it says of itself.

    Args:
        settings: the issuer, and what this server is called there.

    Raises:
        NotFound: there is none.
        Unavailable: a library is missing.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.oidc_issuer is None or settings.oidc_client_id is None:
            raise NotFound(
                "Nobody signs in with a provider here.",
                code="not_found.oidc",
                hint="Set MNEMON_OIDC_ISSUER and MNEMON_OIDC_CLIENT_ID (docs/access.md).",
            )
        try:
            from authlib.integrations.httpx_client import AsyncOAuth2Client
            from joserfc import jwt
        except ImportError:
            hint = "pip install 'mnemon[signin]'"
            raise Unavailable("Authlib is not installed.", code="unavailable.authlib", hint=hint) from None
        self._client, self._jwt = AsyncOAuth2Client, jwt
        self.issuer = settings.oidc_issuer
        self.client_id: str = settings.oidc_client_id
        self._secret = settings.oidc_client_secret
        self._about: dict[str, Any] = {}
        self._keys: Any = {}
        self._until = 0.0

    async def _learn(self) -> dict[str, Any]:
        """Return what the provider says of itself."""
        import httpx

        if time.monotonic() < self._until:
            return self._about
        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            async with httpx.AsyncClient(timeout=_SECONDS) as client:
                self._about = (await client.get(address)).raise_for_status().json()
                self._keys = (await client.get(self._about["jwks_uri"])).raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
            raise _away() from None
        if self._about.get("issuer") != self.issuer:
            raise _away()
        self._until = time.monotonic() + _HOUR
        return self._about

    def _session(self, callback: str) -> Any:
        secret = self._secret.get_secret_value() if self._secret else None
        return self._client(
            self.client_id,
            secret,
            redirect_uri=callback,
            scope="openid email",
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            timeout=_SECONDS,
        )

    async def address(self, callback: str, *, state: str, nonce: str, verifier: str) -> str:
        """Return where somebody signs in."""
        about = await self._learn()
        async with self._session(callback) as session:
            url, _ = session.create_authorization_url(
                about["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return str(url)

    async def claims(self, callback: str, code: str, *, nonce: str, verifier: str) -> Mapping[str, Any]:
        """Exchange a code, and return what the provider says of who signed in.

        Raises:
            Unauthenticated: the code or the token is not right.
            Unavailable: the provider cannot be reached.
        """
        import httpx
        from authlib.common.errors import AuthlibBaseError

        about = await self._learn()
        try:
            async with self._session(callback) as session:
                tokens = await session.fetch_token(about["token_endpoint"], code=code, code_verifier=verifier)
        except AuthlibBaseError:
            raise _refused() from None
        except (httpx.HTTPError, ValueError):
            raise _away() from None
        return self._checked(str(tokens.get("id_token", "")), nonce)

    def _checked(self, token: str, nonce: str) -> Mapping[str, Any]:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        rules = self._jwt.JWTClaimsRegistry(
            leeway=60,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
        )
        try:
            read = self._jwt.decode(token, KeySet.import_key_set(self._keys), algorithms=_ALGORITHMS)
            rules.validate(read.claims)
        except (JoseError, ValueError, TypeError, KeyError):
            self._until = 0.0  # its keys may have changed
            raise _refused() from None
        claims: dict[str, Any] = read.claims
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self.client_id:
            raise _refused()
        return claims


class OidcRoutes:
    """Answers the two calls of signing in with a provider.

    Args:
        serving: what the calls share.
        sign_in: gives the cookies of a session.
    """

    def __init__(self, serving: Serving, sign_in: SignInRoutes) -> None:
        self._serving = serving
        self._sign_in = sign_in
        self._provider: Provider | None = None

    def add_to(self, api: FastAPI) -> None:
        """Put the routes in."""
        api.add_route(PATH, self._begin, methods=["GET"])
        api.add_route(f"{PATH}/callback", self._end, methods=["GET"])

    def _known(self, ctx: Context) -> Provider:
        if self._provider is None:
            self._provider = Provider(ctx.settings)
        return self._provider

    async def _begin(self, request: Request) -> Response:
        """Send the browser to the provider."""
        try:
            ctx = self._serving.app.context
            journey = {name: secrets.token_urlsafe(48) for name in ("state", "nonce", "verifier")}
            address = await self._known(ctx).address(_callback(request, ctx), **journey)
        except MnemonError as error:
            return errors.response(error, request.state.request_id)
        answer = RedirectResponse(address, 302)
        journey["until"] = str(int(ctx.clock.now().timestamp()) + _MINUTES)
        sealed = _box(ctx).encrypt(json.dumps(journey), purpose=COOKIE)
        answer.set_cookie(COOKIE, sealed, max_age=_MINUTES, path=PATH, secure=self._sign_in.secure, httponly=True)
        return answer

    async def _end(self, request: Request) -> Response:
        """Take the browser back: begin a session, and lead it to where it came from."""
        try:
            answer = await self._ended(request, self._serving.app.context)
        except MnemonError as error:
            answer = errors.response(error, request.state.request_id)
        answer.delete_cookie(COOKIE, path=PATH, secure=self._sign_in.secure, httponly=True)
        return answer

    async def _ended(self, request: Request, ctx: Context) -> Response:
        journey = self._opened(request, ctx)
        if "error" in request.query_params or not request.query_params.get("code"):
            raise _refused()
        claims = await self._known(ctx).claims(
            _callback(request, ctx), request.query_params["code"], nonce=journey["nonce"], verifier=journey["verifier"]
        )
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise Unauthenticated(
                "The provider has not verified your e-mail address.",
                code="unauthenticated.email",
                hint="Verify it there.",
            )
        person = parse(TrustedIdentity, {"email": email, **place_of(request, agent=True)})
        tokens = await identity.sign_in_trusted(ctx, person)
        answer = RedirectResponse("/", 303)
        self._sign_in.give_cookies(answer, ctx, tokens)
        return answer

    def _opened(self, request: Request, ctx: Context) -> dict[str, str]:
        """Return what was kept of the call before, if this is the browser that made it."""
        try:
            journey: dict[str, str] = json.loads(_box(ctx).decrypt(request.cookies.get(COOKIE, ""), purpose=COOKIE))
        except (Unavailable, ValueError):
            raise _refused() from None
        state = request.query_params.get("state", "")
        if not hmac.compare_digest(journey["state"].encode(), state.encode("utf-8", "replace")):
            raise _refused()
        if ctx.clock.now().timestamp() > int(journey["until"]):
            raise _refused()
        return journey


def _callback(request: Request, ctx: Context) -> str:
    """Return where the provider sends the browser back to."""
    base = ctx.settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}{PATH}/callback"


def _box(ctx: Context) -> SecretBox:
    return SecretBox((ctx.database.installation.derive("signing in with a provider"),))


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "Signing in with the provider did not work.", code="unauthenticated.oidc", hint="Begin again."
    )


def _away() -> Unavailable:
    return Unavailable("The provider cannot be reached now.", code="unavailable.oidc", hint="Try again later.")
