"""Makes the application that answers HTTP.

Other doors' routers (signing in, the console, MCP) are put in at :func:`_include`.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mnemon._version import __version__
from mnemon.app import App, start
from mnemon.core.errors import Invalid, MnemonError
from mnemon.core.settings import Settings
from mnemon.doors.http import errors
from mnemon.doors.http.calls import Calls
from mnemon.doors.http.endpoint import PREFIX, no_path
from mnemon.doors.http.gate import Gate
from mnemon.doors.http.health import Health
from mnemon.doors.http.inside import worker_inside
from mnemon.doors.http.measures import Measures
from mnemon.doors.http.noting import Notes
from mnemon.doors.http.oidc import OidcRoutes
from mnemon.doors.http.openapi import description
from mnemon.doors.http.options import ServeOptions
from mnemon.doors.http.progress import Progress
from mnemon.doors.http.serving import Serving, noticing_stop, serving_of
from mnemon.doors.http.setup import Setup
from mnemon.doors.http.signin import SignInRoutes
from mnemon.doors.http.watch import Watching

if TYPE_CHECKING:
    from mnemon.doors.mcp.http import McpDoor

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def create(settings: Settings | None = None, options: ServeOptions | None = None, *, app: App | None = None) -> FastAPI:
    """Return the application; it opens the database when it starts and closes it when it ends.

    Args:
        settings: where and how; read from the environment when left out.
        options: how it serves.
        app: an open application to serve from, which stays open at the end.
    """
    serving = Serving(options or ServeOptions())
    measures = Measures()
    notes = Notes(serving, measures)
    door = _mcp(serving)

    @contextlib.asynccontextmanager
    async def lifespan(_api: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(noticing_stop())
            opened = app or await start(settings)
            if app is None:
                stack.push_async_callback(opened.close)
            await stack.enter_async_context(serving.open(opened))
            await stack.enter_async_context(notes.written())
            if door is not None:
                await stack.enter_async_context(door.running())
            if serving.options.worker and app is None:
                await stack.enter_async_context(worker_inside(opened.settings))
            yield

    api = FastAPI(
        title="Mnemon",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.serving = serving
    if door is not None:
        api.router.routes.extend(door.routes())
    calls = Calls(serving)
    _include(api, serving, measures, calls)
    watching = Watching(serving, measures, notes)
    api.add_middleware(Gate, seconds=serving.options.request_seconds, watch=watching, calls=calls)
    return api


def _mcp(serving: Serving) -> McpDoor | None:
    """Return what answers agents; None where that is not wanted, or its extra is not installed."""
    if not serving.options.mcp or importlib.util.find_spec("mcp") is None:
        return None
    from mnemon.doors.mcp.http import McpDoor

    return McpDoor(serving)


def _include(api: FastAPI, serving: Serving, measures: Measures, calls: Calls) -> None:
    """Put in what answers; the first that has a path answers it, so the verbs come last."""
    health, setup = Health(serving, measures), Setup(serving)
    api.add_route("/livez", health.lives, methods=["GET"])
    api.add_route("/readyz", health.is_ready, methods=["GET"])
    api.add_route("/metrics", health.measured, methods=["GET"])
    for path in ("/setup", f"{PREFIX}/setup"):
        api.add_route(path, setup.answer, methods=["GET", "POST"])
    api.add_route(f"{PREFIX}/openapi.json", _description, methods=["GET"])
    api.add_exception_handler(MnemonError, _told)
    api.add_exception_handler(404, _nothing)
    api.add_exception_handler(405, _no_method)
    api.add_route(f"{PREFIX}/jobs/{{job_id}}/events", Progress(serving).answer, methods=["GET"])
    sign_in = SignInRoutes(serving)
    sign_in.add_to(api)
    OidcRoutes(serving, sign_in).add_to(api)
    api.add_route(f"{PREFIX}/{{rest:path}}", calls.answer, methods=_METHODS)


async def _description(request: Request) -> Response:
    """Give the description of all of it (OpenAPI 3.1)."""
    return JSONResponse(described(request.app), headers={"cache-control": "public, max-age=300"})


def described(api: FastAPI) -> dict[str, Any]:
    """Return the description of an application: its verbs, and the routers beside them."""
    own = [route for route in api.routes if isinstance(route, APIRoute)]
    return description(get_openapi(title=api.title, version=api.version, routes=own) if own else None)


async def _told(request: Request, error: Exception) -> Response:
    return errors.response(error, request.scope["state"]["request_id"])


async def _nothing(request: Request, _error: Exception) -> Response:
    return errors.response(no_path(), request.scope["state"]["request_id"])


async def _no_method(request: Request, error: Exception) -> Response:
    allowed = [name for name in (getattr(error, "headers", None) or {}).get("Allow", "").split(", ") if name]
    refused = Invalid(f"{request.method} is not for this path.", code="invalid.method", allowed=allowed)
    return errors.response(refused, request.scope["state"]["request_id"])


__all__ = ["create", "serving_of"]
