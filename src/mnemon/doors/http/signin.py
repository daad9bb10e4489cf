"""Signing in over HTTP: password, second factor, refresh, signing out, and the link that sets a password.

A browser gets cookies: the tokens in ones that no script reads, and a token beside them that a script sends back with
what changes something (``X-CSRF-Token``). A program asks for the tokens themselves with ``"cookies": false``.
"""

from __future__ import annotations

import contextlib
import hmac
import html
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from pydantic import SecretStr
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from mnemon.context import Context
from mnemon.core.errors import Forbidden, Invalid, MnemonError, Unauthenticated
from mnemon.core.text import Schema, parse
from mnemon.doors.http import bodies, deps, errors, pages
from mnemon.doors.http.serving import Serving
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import SessionRef, SessionRefresh, SessionTokens
from mnemon.identity.schemas_signin import AskReset, ResetPassword, SecondFactor, SendCode, SignIn

PATH = "/v1/signin"
SESSION, REFRESH, CSRF = "mnemon_session", "mnemon_refresh", "mnemon_csrf"
HEADER = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TITLE, _HEADING = "password", "Your password"
_ASK = """{problem}<form method="post" action="/password"><input type="hidden" name="token" value="{token}">
<p><label>New password<br><input name="password" type="password" required minlength="10"
 autocomplete="new-password"></label><p><button>Set it</button></form>"""
_DONE = "<p>It is set. Sign in with it; you were signed out everywhere.</p>"

Answering = Callable[[Request, Context], Awaitable[Response]]


class SignInRoutes:
    """Answers what has to do with signing in.

    Args:
        serving: what the calls share; who is signed in with cookies is found from here on.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        serving.session_of = self.session_of

    def add_to(self, api: FastAPI) -> None:
        """Put the routes in."""
        for path, method, answer in (
            ("", "POST", self._sign_in),
            ("", "GET", self._who),
            ("", "DELETE", self._sign_out),
            ("/code", "POST", self._code),
            ("/text", "POST", self._text),
            ("/refresh", "POST", self._refresh),
            ("/reset", "POST", self._reset),
            ("/password", "POST", self._password),
        ):
            api.add_route(PATH + path, self._answering(answer), methods=[method])
        api.add_route("/password", self._page, methods=["GET", "POST"])

    def _answering(self, answer: Answering) -> Callable[[Request], Awaitable[Response]]:
        async def call(request: Request) -> Response:
            try:
                return await answer(request, self._serving.app.context)
            except MnemonError as error:
                return errors.response(error, request.state.request_id)

        return call

    async def session_of(self, request: Request) -> SecretStr | None:
        """Return the access token of who is signed in with cookies; what changes something has to come from a page.

        Raises:
            Forbidden: it changes something, and the token of the page is missing or another's.
        """
        session_id, _, token = request.cookies.get(SESSION, "").partition(".")
        if not token:
            return None
        if request.method not in _SAFE:
            self._require_page(request, session_id)
        return SecretStr(token)

    def _require_page(self, request: Request, session_id: str) -> None:
        own = csrf_token(self._serving.app.context, session_id)
        if not hmac.compare_digest(own.encode(), request.headers.get(HEADER, "").encode("utf-8", "replace")):
            raise Forbidden(
                "The call does not say that it comes from a page of this server.",
                code="forbidden.csrf",
                hint=f"Send the cookie {CSRF} back in the header X-CSRF-Token.",
            )

    async def _sign_in(self, request: Request, ctx: Context) -> Response:
        fields, cookies = await self._fields(request)
        asked = parse(SignIn, {**fields, **place_of(request, agent=True)})
        signed = await identity.sign_in(ctx, asked)
        if signed.session is not None:
            return self._signed_in(ctx, signed.session, cookies=cookies)
        challenge = signed.challenge.get_secret_value() if signed.challenge else None
        return _json({"challenge": challenge, "factors": signed.factors})

    async def _code(self, request: Request, ctx: Context) -> Response:
        fields, cookies = await self._fields(request)
        asked = parse(SecondFactor, {**fields, **place_of(request, agent=True)})
        return self._signed_in(ctx, await identity.finish_sign_in(ctx, asked), cookies=cookies)

    async def _text(self, request: Request, ctx: Context) -> Response:
        fields, _ = await self._fields(request)
        await identity.send_code(ctx, parse(SendCode, {**fields, **place_of(request)}))
        return Response(status_code=204)

    async def _refresh(self, request: Request, ctx: Context) -> Response:
        token = request.cookies.get(REFRESH)
        if token is None:
            raise Unauthenticated("Nobody is signed in here.", code="unauthenticated.missing", hint="Sign in.")
        session_id = request.cookies.get(SESSION, "").partition(".")[0]
        self._require_page(request, session_id)
        tokens = await identity.refresh_session(ctx, parse(SessionRefresh, {"token": token}))
        return self._signed_in(ctx, tokens, cookies=True)

    async def _sign_out(self, request: Request, ctx: Context) -> Response:
        caller = await deps.caller_of(request, self._serving)
        if caller.known is not None and caller.known.session_id is not None:
            await identity.revoke_session(caller.ctx, SessionRef(session_id=caller.known.session_id))
        answer = Response(status_code=204)
        for name, path in ((SESSION, "/"), (REFRESH, PATH), (CSRF, "/")):
            answer.delete_cookie(name, path=path, secure=self.secure, httponly=name != CSRF, samesite="lax")
        return answer

    async def _who(self, request: Request, ctx: Context) -> Response:
        person = (await deps.caller_of(request, self._serving)).known
        if person is None or person.session_id is None:
            raise Unauthenticated("Nobody is signed in here.", code="unauthenticated.missing", hint="Sign in.")
        return _json(
            {
                "user_id": person.user_id,
                "organization_id": person.organization_id,
                "session_id": person.session_id,
                "permissions": sorted(person.permissions),
                "csrf_token": csrf_token(ctx, str(person.session_id)),
            }
        )

    async def _reset(self, request: Request, ctx: Context) -> Response:
        fields, _ = await self._fields(request)
        await identity.ask_reset(ctx, parse(AskReset, {**fields, **place_of(request)}))
        return Response(status_code=202)

    async def _password(self, request: Request, ctx: Context) -> Response:
        fields, _ = await self._fields(request)
        await identity.reset_password(ctx, parse(ResetPassword, fields))
        return Response(status_code=204)

    async def _page(self, request: Request) -> Response:
        """Show the form that a mailed link leads to, or set the password."""
        token, problem = request.query_params.get("token", ""), ""
        try:
            if request.method == "POST":
                fields = await self._form(request)
                token = fields.get("token", "")
                await identity.reset_password(self._serving.app.context, parse(ResetPassword, fields))
                return pages.page(_TITLE, _HEADING, _DONE)
        except MnemonError as error:
            problem = f"<p role=alert>{html.escape(str(error))}</p>"
        form = _ASK.format(token=html.escape(token, quote=True), problem=problem)
        return pages.page(_TITLE, _HEADING, form, 400 if problem else 200)

    async def _form(self, request: Request) -> dict[str, str]:
        content = await bodies.read_body(request, self._serving.options)
        if bodies.media_type(request) != pages.FORM:
            raise Invalid("A form is read here.", code="invalid.media_type")
        return pages.fields_of(content)

    async def _fields(self, request: Request) -> tuple[dict[str, Any], bool]:
        """Return what a call brings, and whether it wants cookies; a form of another site sends no JSON."""
        content = await bodies.read_body(request, self._serving.options)
        if bodies.media_type(request) != bodies.JSON:
            raise Invalid("JSON is read here.", code="invalid.media_type", hint=f"Send {bodies.JSON}.")
        fields = bodies.parsed(content, bodies.JSON)
        if not isinstance(fields, dict):
            raise Invalid("An object is needed.", code="invalid.json")
        return fields, _Wish.model_validate({"cookies": fields.pop("cookies", True)}).cookies

    @property
    def secure(self) -> bool:
        """Whether cookies are for HTTPS alone: always, but where this machine alone is served."""
        return self._serving.options.secure or not self._serving.options.is_loopback

    def _signed_in(self, ctx: Context, tokens: SessionTokens, *, cookies: bool) -> Response:
        access, refresh = tokens.access_token.get_secret_value(), tokens.refresh_token.get_secret_value()
        session = {
            "session_id": tokens.session_id,
            "expires_at": tokens.expires_at,
            "refresh_expires_at": tokens.refresh_expires_at,
        }
        if not cookies:
            return _json({**session, "access_token": access, "refresh_token": refresh})
        answer = _json({**session, "csrf_token": csrf_token(ctx, str(tokens.session_id))})
        self.give_cookies(answer, ctx, tokens)
        return answer

    def give_cookies(self, answer: Response, ctx: Context, tokens: SessionTokens) -> None:
        """Give a browser the cookies of a session."""
        seconds = int((tokens.refresh_expires_at - ctx.clock.now()).total_seconds())
        for name, value, path in (
            (SESSION, f"{tokens.session_id}.{tokens.access_token.get_secret_value()}", "/"),
            (REFRESH, tokens.refresh_token.get_secret_value(), PATH),
            (CSRF, csrf_token(ctx, str(tokens.session_id)), "/"),
        ):
            answer.set_cookie(
                name,
                value,
                max_age=seconds,
                path=path,
                secure=self.secure,
                httponly=name != CSRF,
                samesite="lax",
            )


class _Wish(Schema):
    """Whether cookies are wanted."""

    cookies: bool = True


def csrf_token(ctx: Context, session_id: str) -> str:
    """Return what a page of a session sends back; who does not know it is no page of ours."""
    return hmac.new(ctx.database.installation.derive("pages"), session_id.encode(), "sha256").hexdigest()


def place_of(request: Request, *, agent: bool = False) -> dict[str, Any]:
    """Return where a call comes from, as the server sees it."""
    fields: dict[str, Any] = {"ip_address": None}
    if request.client is not None:
        with contextlib.suppress(ValueError):
            fields["ip_address"] = ip_address(request.client.host)
    if agent:
        program = "".join(c for c in request.headers.get("user-agent", "") if c.isprintable())
        fields["user_agent"] = program[:500] or None
    return fields


def _json(value: Any) -> Response:
    def text(part: Any) -> str:
        return str(part) if isinstance(part, UUID) else part.isoformat()

    return Response(to_json(value, fallback=text), 200, {"cache-control": "no-store"}, bodies.JSON)
