"""The one-time link by which the first administrator of an organisation comes in."""

from __future__ import annotations

import hmac
import html
from typing import Any

from pydantic import SecretStr
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from mnemon.context import Context
from mnemon.core.errors import MnemonError, NotFound
from mnemon.core.text import Label, Schema, parse
from mnemon.doors.http import bodies, errors, pages
from mnemon.doors.http.serving import Serving
from mnemon.identity import service as identity
from mnemon.identity.schemas import Password, UserCreate
from mnemon.identity.schemas_access import ApiKeyCreate, ListApiKeys, RoleAssign

_TITLE, _HEADING = "first administrator", "First administrator"
_ASK = """<form method="post" action="/setup"><input type="hidden" name="token" value="{token}">
<p><label>E-mail address<br><input name="email" type="email" required autocomplete="username"></label>
<p><label>Password, if you mean to sign in with one<br>
<input name="password" type="password" autocomplete="new-password"></label>
<p><button>Make the account and its key</button></form>"""
_DONE = """<p>The account is made. This is its API key; it is shown here and never again:</p><pre>{key}</pre>
<p>Send it as <code>Authorization: Bearer ...</code>.</p>"""


class FirstAdministrator(Schema):
    """The first administrator.

    Attributes:
        token: what the link carries.
        password: if they mean to sign in with one.
    """

    token: SecretStr
    email: Label
    password: Password | None = None
    display_name: Label | None = None


async def is_needed(ctx: Context) -> bool:
    """Tell whether an organisation has no key yet: nobody could come in."""
    return not (await identity.list_api_keys(ctx, ListApiKeys(limit=1))).items


class Setup:
    """Answers the one-time link: once, and only while nobody else could come in.

    Args:
        serving: what the calls share.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._used = False

    async def answer(self, request: Request) -> Response:
        """Show the form, or make the first administrator."""
        try:
            if request.method == "POST":
                return await self._make(request)
            token = request.query_params.get("token", "")
            await self._require(token)
            return pages.page(_TITLE, _HEADING, _ASK.format(token=html.escape(token, quote=True)))
        except MnemonError as error:
            return errors.response(error, request.state.request_id)

    async def _make(self, request: Request) -> Response:
        content = await bodies.read_body(request, self._serving.options)
        is_form = bodies.media_type(request) == pages.FORM
        fields: Any = pages.fields_of(content) if is_form else bodies.parsed(content, bodies.media_type(request))
        administrator = parse(FirstAdministrator, fields)
        await self._require(administrator.token.get_secret_value())
        self._used = True  # before anything is awaited: two calls at once do not both come in
        try:
            account = await _first(self._serving.app.context, administrator)
        except BaseException:
            self._used = False
            raise
        if is_form:
            return pages.page(_TITLE, _HEADING, _DONE.format(key=html.escape(account["key"])))
        return Response(to_json(account), 201, {"cache-control": "no-store"}, bodies.JSON)

    async def _require(self, token: str) -> None:
        """Refuse a token that is not the link's, and every one once it was used.

        Raises:
            NotFound: it is not valid, or not any more.
        """
        own = self._serving.options.setup
        same = bool(own) and hmac.compare_digest(own.encode(), token.encode("utf-8", "replace"))
        # Whether it was used is asked last: another may have come while the database was asked.
        if not same or not await is_needed(self._serving.app.context) or self._used:
            raise NotFound(
                "The link was used, or it never was one.",
                code="not_found.setup",
                hint="An administrator of the organisation makes keys for others.",
            )


async def _first(ctx: Context, wanted: FirstAdministrator) -> dict[str, str]:
    """Make the first administrator, their role and their key."""
    fields = {"email": wanted.email, "password": wanted.password, "display_name": wanted.display_name}
    user = await identity.create_user(ctx, parse(UserCreate, {k: v for k, v in fields.items() if v is not None}))
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="owner"))
    key = await identity.create_api_key(ctx, ApiKeyCreate(name="first", user_id=user.id, scopes=("*",)))
    return {"user_id": str(user.id), "api_key_id": str(key.id), "key": key.key.get_secret_value()}
