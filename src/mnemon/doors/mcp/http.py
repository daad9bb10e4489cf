"""MCP over HTTP (streamable), as a part of the server: whoever calls brings an API key or is signed in."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, MutableMapping
from typing import Any, cast

from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Send

from mnemon.core.errors import MnemonError
from mnemon.doors.http import deps, errors
from mnemon.doors.http.serving import Serving
from mnemon.doors.library.asynchronous import AsyncMemory
from mnemon.doors.mcp.server import make

PATH = "/mcp"
METADATA = "/.well-known/oauth-protected-resource"

#: Where a call's memory is among what belongs to the call.
_MEMORY = "mnemon.memory"
#: Who comes from where is looked at with the key: a page of somewhere else has none, and is not of this machine.
_SECURITY = TransportSecuritySettings(enable_dns_rebinding_protection=False)


class McpDoor:
    """Answers ``/mcp``, each call by itself, on behalf of whoever makes it.

    Args:
        serving: what the calls of the server share.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._route = Route(PATH, self)
        self._server = make(_memory_of)
        self._server.streamable_http_app(
            stateless_http=True,
            json_response=True,
            max_request_body_size=serving.options.body_bytes,
            transport_security=_SECURITY,
        )

    def routes(self) -> list[BaseRoute]:
        """Return where it answers."""
        metadata = [Route(path, self._metadata, methods=["GET"]) for path in (METADATA, METADATA + PATH)]
        return [self._route, *metadata]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer for the length of the block."""
        async with self._server.session_manager.run():
            yield

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one call."""
        request = Request(scope, receive)
        scope["route"] = self._route  # by which the call is counted and noted
        try:
            caller = await deps.counted_caller_of(request, self._serving)
            request.state.caller = caller
            await self._serving.pace.take(caller.name)
            scope[_MEMORY] = AsyncMemory.over(self._serving.app, caller.ctx)
        except MnemonError as error:
            request.state.error = error
            await self._refused(request, error)(scope, receive, send)
            return
        await self._server.session_manager.handle_request(scope, receive, send)

    def _refused(self, request: Request, error: MnemonError) -> Response:
        """Return the answer to whom is not known: where a client reads what it has to bring."""
        response = errors.response(error, request.scope.get("state", {}).get("request_id", ""))
        if response.status_code == 401:
            where = f"{_base(request)}{METADATA}{PATH}"
            response.headers["WWW-Authenticate"] = f'Bearer realm="mnemon", resource_metadata="{where}"'
        return response

    async def _metadata(self, request: Request) -> Response:
        """Tell what a client has to bring (RFC 9728): a bearer token, which is an API key."""
        return JSONResponse(
            {
                "resource": f"{_base(request)}{PATH}",
                "resource_name": "Mnemon",
                "bearer_methods_supported": ["header"],
            },
            headers={"cache-control": "public, max-age=3600"},
        )


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _memory_of(ctx: Context[Any, Any]) -> AsyncMemory:
    """Return the memory of whoever made a call."""
    request = cast("Request", ctx.request_context.request)
    return cast("AsyncMemory", request.scope[_MEMORY])
