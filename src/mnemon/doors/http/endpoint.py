"""Answers calls: finds the route, parses, asks one verb, renders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from mnemon import verbs
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.text import Schema
from mnemon.doors import routes
from mnemon.doors.http import bodies
from mnemon.doors.http.deps import Caller
from mnemon.doors.http.serving import Serving
from mnemon.doors.routes import wire
from mnemon.doors.routes.table import Route
from mnemon.memory.schemas import Recollection

PREFIX = "/v1"
_EXPECTED = "expected_version"


@dataclass(slots=True)
class Node:
    """A place in the tree of paths: what may come next, and what is there."""

    inner: dict[str, Node] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)


def tree() -> Node:
    """Return the tree of all paths: a segment leads on, ``{}`` stands for an id."""
    root = Node()
    for route in routes.every():
        node = root
        for segment in route.shape.strip("/").split("/"):
            node = node.inner.setdefault(segment, Node())
        node.routes[route.method] = route
    return root


def found_in(root: Node, path: str) -> tuple[Node, list[str]]:
    """Return what is at a path, and the ids in it.

    Raises:
        NotFound: nothing is.
    """
    node, ids = root, list[str]()
    for segment in path.removeprefix("/").split("/"):
        after = node.inner.get(segment)
        if after is None and "{}" in node.inner and segment:
            after = node.inner["{}"]
            ids.append(segment)
        if after is None:
            raise no_path()
        node = after
    return node, ids


def no_path() -> NotFound:
    """Return the error for a path where nothing is."""
    return NotFound("There is nothing at this path.", code="not_found.path", hint="/v1/openapi.json has them all.")


def route_in(node: Node, method: str) -> Route:
    """Return the route of a method at a place.

    Raises:
        NotFound: nothing is there.
        Invalid: the method is none that it has.
    """
    if not node.routes:
        raise no_path()
    route = node.routes.get("GET" if method == "HEAD" else method)
    if route is None:
        allowed = sorted(node.routes)
        raise Invalid(f"{method} is not for this path.", code="invalid.method", allowed=allowed)
    return route


async def read_request(request: Request, serving: Serving, caller: Caller, route: Route, ids: list[str]) -> Schema:
    """Return the request that a call brings.

    Raises:
        Invalid: it brings none, with what is wrong.
    """
    content = await bodies.read_body(request, serving.options)
    body = bodies.parsed(content, bodies.media_type(request))
    door: dict[str, Any] = {}
    if "ip_address" in route.door:
        door["ip_address"] = request.client.host if request.client is not None else None
    names = dict(zip(route.names, ids, strict=True))
    fields = wire.fields_in(route, names, request.query_params.multi_items(), body, **door)
    expected = request.headers.get("if-match")
    if expected is not None and _EXPECTED in wire.request_of(route.verb).model_fields:
        fields.setdefault(_EXPECTED, _version_of(expected))
    return await bodies.request_of(caller.ctx, route, fields)


def _version_of(tag: str) -> int:
    version = tag.strip().removeprefix("W/").strip('"')
    if not version.isdecimal() or len(version) > 9:
        raise Invalid('If-Match: give the ETag of an answer, such as "3".', code="invalid.if_match", field="If-Match")
    return int(version)


async def ask(caller: Caller, route: Route, request: Schema, *, if_match: bool) -> Any:
    """Ask the verb of a route.

    Raises:
        Conflict: another change came first; ``conflict.precondition`` where the call said what it expected.
    """
    verb = verbs.find(route.verb)
    try:
        return await verb.function(caller.ctx, **wire.arguments(verb, request))
    except Conflict as error:
        if if_match and error.code == "conflict.version":
            raise Conflict(error.message, code="conflict.precondition", hint=error.hint, **error.data) from None
        raise


def render(request: Request, route: Route, answer: Any) -> Response:
    """Return a verb's answer as HTTP has it: with its version as ETag, and the way to the next page."""
    if isinstance(answer, Recollection) and wants_text(request):
        return Response(answer.text, route.status, media_type="text/plain; charset=utf-8")
    headers: dict[str, str] = {}
    version = getattr(answer, "version", None)
    if isinstance(version, int):
        headers["ETag"] = f'"{version}"'
        if request.method in {"GET", "HEAD"} and request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
    following = getattr(answer, "next_cursor", None)
    if isinstance(following, str) and request.method in {"GET", "HEAD"}:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        headers["Link"] = f'<{request.url.path}?{urlencode([*query, ("cursor", following)])}>; rel="next"'
    if route.verb == "jobs.enqueue":
        headers["Location"] = f"{PREFIX}/jobs/{answer.id}"
    content = wire.answer_of(route.verb).dump(answer)
    return Response(content, route.status, headers, bodies.JSON if route.status != 204 else None)


def wants_text(request: Request) -> bool:
    """Tell whether a call asks for text, and not for JSON."""
    return request.headers.get("accept", "").partition(",")[0].partition(";")[0].strip() == "text/plain"


def code_of(response: Response) -> str | None:
    """Return the code of an answer that is a problem."""
    if response.status_code < 400:
        return None
    try:
        code = from_json(bytes(response.body)).get("code")
    except (ValueError, AttributeError):
        return None
    return str(code)
