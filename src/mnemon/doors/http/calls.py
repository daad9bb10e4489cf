"""Answers the calls of verbs: who calls, what for, and what becomes of it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mnemon import verbs
from mnemon.core.errors import MnemonError, NotFound
from mnemon.core.principal import Principal
from mnemon.doors.http import bodies, deps, endpoint, errors, idempotency
from mnemon.doors.http.bulk import remember_lines
from mnemon.doors.http.serving import Serving
from mnemon.doors.routes.table import Route
from mnemon.memory.schemas import Recollection
from mnemon.verbs import Verb

_BELOW = f"{endpoint.PREFIX}/"
#: Verbs that anybody may call over HTTP: they ask for the secret themselves that proves who somebody is.
OPEN = frozenset({"identity.refresh_session"})


class Calls:
    """Answers every call below ``/v1`` that is a verb's.

    Args:
        serving: what the calls share.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._tree = endpoint.tree()

    def has(self, path: str) -> bool:
        """Tell whether a path is one of a verb's."""
        if not path.startswith(_BELOW):
            return False
        try:
            node, _ = endpoint.found_in(self._tree, path.removeprefix(endpoint.PREFIX))
        except NotFound:
            return False
        return bool(node.routes)

    async def answer(self, request: Request) -> Response:
        """Answer a call, whatever becomes of it."""
        try:
            node, ids = endpoint.found_in(self._tree, request.url.path.removeprefix(endpoint.PREFIX))
            route = endpoint.route_in(node, request.method)
            request.state.route = route
            return await self._answer(request, route, ids)
        except MnemonError as error:
            request.state.error = error
            return errors.response(error, request.state.request_id)

    async def _answer(self, request: Request, route: Route, ids: list[str]) -> Response:
        caller = await self._caller(request, route)
        request.state.caller = caller
        await self._serving.pace.take(caller.name)
        verb = verbs.find(route.verb)
        refuse_at_once(caller, verb)
        if route.verb == "memory.remember" and bodies.media_type(request) == bodies.NDJSON:
            request.state.limit.reschedule(None)  # as long as lines come
            return await remember_lines(request, caller, self._serving.options)
        key = idempotency.key_of(request) if verb.changes and route.method != "GET" else None
        if key is None:
            return await self._ask(request, route, ids, caller)

        async def work(joined: deps.Caller) -> Response:
            return await self._ask(request, route, ids, joined)

        asked = await _asked(request, self._serving)
        return await idempotency.once(caller, key, asked, work)

    async def _ask(self, request: Request, route: Route, ids: list[str], caller: deps.Caller) -> Response:
        asked = await endpoint.read_request(request, self._serving, caller, route, ids)
        answer = await endpoint.ask(caller, route, asked, if_match="if-match" in request.headers)
        if verbs.find(route.verb).changes and route.verb.startswith("identity."):
            self._serving.callers.clear()  # somebody's rights may have changed
        if isinstance(answer, Recollection):
            self._serving.app.accesses.count(caller.ctx.principal, answer.hits)
        return endpoint.render(request, route, answer)

    async def _caller(self, request: Request, route: Route) -> deps.Caller:
        if route.verb in OPEN:
            await deps.count_unknown(request, self._serving)
            ctx = self._serving.app.context
            nobody = Principal(ctx.principal.organization_id, permissions=frozenset())
            return deps.Caller(ctx.as_principal(nobody), None)
        return await deps.counted_caller_of(request, self._serving)


def refuse_at_once(caller: deps.Caller, verb: Verb) -> None:
    """Refuse who cannot be let in whatever they ask, before a body is read: the verb would say the same.

    Raises:
        Forbidden: the permission is missing.
    """
    if len(verb.permissions) == 1:
        caller.ctx.principal.require(verb.permissions[0])


async def _asked(request: Request, serving: Serving) -> bytes:
    """Return what a call asks, as bytes that its repetition has too."""
    body = await bodies.read_body(request, serving.options)
    head = [request.method, request.url.path, request.url.query, request.headers.get("if-match", "")]
    return "\n".join(head).encode() + b"\n" + body
