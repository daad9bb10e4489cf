"""Reads what a call brings: its body within limits, and the fields of its request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from mnemon.context import Context
from mnemon.core import times
from mnemon.core.errors import Invalid
from mnemon.core.text import Schema, parse
from mnemon.doors.http.options import ServeOptions
from mnemon.doors.library import refusals
from mnemon.doors.library.items import as_items, as_list
from mnemon.doors.library.zones import people_of, person_of
from mnemon.doors.routes import wire
from mnemon.doors.routes.table import Route
from mnemon.identity import service as identity
from mnemon.memory import service as memory
from mnemon.memory.schemas import Remember

JSON = "application/json"
NDJSON = "application/x-ndjson"
#: Levels that JSON may be nested, those of the request's own schema among them.
DEPTH = 64
#: Fields of a request to remember that are not those of each item.
_WHOLE = ("items", "content", "checkpoint", "dedupe", "split", "split_over")


def media_type(request: Request) -> str:
    """Return what kind of body a call says it brings."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, options: ServeOptions) -> bytes:
    """Return the body, read as it comes.

    Raises:
        Invalid: it is larger than it may be, or does not arrive in time.
    """
    read_before: bytes | None = getattr(request.state, "body", None)
    if read_before is not None:
        return read_before
    refuse_large(request, options.body_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(options.body_seconds):
            async for part in request.stream():
                body += part
                if len(body) > options.body_bytes:
                    raise too_large(options.body_bytes)
    except TimeoutError:
        raise Invalid("The body did not arrive in time.", code="invalid.too_slow") from None
    except ClientDisconnect:
        raise Invalid("The body ended before its end.", code="invalid.body") from None
    request.state.body = bytes(body)
    return bytes(body)


def refuse_large(request: Request, limit: int) -> None:
    """Refuse a body that says that it is too large.

    Raises:
        Invalid: it does.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large(limit)


def too_large(limit: int) -> Invalid:
    """Return the error for a body that is too large."""
    return Invalid(
        f"The body has more than {limit:,} bytes.",
        code="invalid.too_large",
        hint=f"Send less at a time; messages and memories may come as {NDJSON}.",
        limit=limit,
    )


def parsed(content: bytes, kind: str) -> Any:
    """Return the JSON of a body; None for none.

    Raises:
        Invalid: it is no JSON, or nested too deeply.
    """
    if not content:
        return None
    if kind not in {JSON, ""} and not kind.endswith("+json"):
        raise Invalid(
            f"{kind or 'A body without a type'} is not read here.", code="invalid.media_type", hint=f"Send {JSON}."
        )
    try:
        value = from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise Invalid(f"The body is no JSON: {error}.", code="invalid.json") from None
    if _is_deep(value):
        raise Invalid(f"The JSON is nested deeper than {DEPTH} levels.", code="invalid.json_too_deep")
    return value


def _is_deep(value: Any) -> bool:
    stack = [(value, 1)]
    while stack:
        part, depth = stack.pop()
        if depth > DEPTH:
            return True
        if isinstance(part, dict):
            stack += [(inner, depth + 1) for inner in part.values() if isinstance(inner, dict | list)]
        elif isinstance(part, list):
            stack += [(inner, depth + 1) for inner in part if isinstance(inner, dict | list)]
    return False


async def request_of(ctx: Context, route: Route, fields: dict[str, Any]) -> Schema:
    """Return the request that fields are; texts without a zone are in that of the person they are about.

    Raises:
        Invalid: the first thing that is wrong, with the field's name.
    """
    if route.verb == "memory.remember":
        return await remember_of(ctx, fields)
    scope = fields.get("scope")
    person = person_of({**fields, **(scope if isinstance(scope, dict) else {})})
    zones = await identity.zones(ctx, [person]) if person else {}
    with times.reading_in(zones.get(person or "", ctx.zone)):
        return parse(wire.request_of(route.verb), fields)


async def remember_of(ctx: Context, fields: Mapping[str, Any]) -> Remember:
    """Return a request to remember, in the shapes that the library takes (docs/remembering.md).

    Args:
        ctx: of who asks.
        fields: ``content``, one thing or a list, with fields for all of it beside it; or ``items``, a list.

    Raises:
        Invalid: something breaks a rule; the message names the field.
    """
    defaults = {name: value for name, value in fields.items() if name not in _WHOLE and value is not None}
    if ("items" in fields) is ("content" in fields):
        raise Invalid("Give content, one thing or a list of them, or items.", code="invalid.content", field="content")
    several = fields["content"] if "content" in fields else fields["items"]
    if "items" in fields and not isinstance(several, list):
        raise Invalid("items: a list is needed.", code="invalid.list_type", field="items")
    many, shared = as_list(several, defaults)
    zones = await identity.zones(ctx, people) if (people := people_of(many, shared)) else {}
    with times.reading_in(ctx.zone):
        items = as_items(many, shared, zones)
    whole = {name: fields[name] for name in ("checkpoint", "dedupe", "split_over") if fields.get(name) is not None}
    if fields.get("split"):
        whole["split_over"] = refusals.split_over(fields["split"])
    remember = parse(Remember, {"items": tuple(items), **whole})
    if remember.split_over is None:
        memory.refuse_long(remember.items, "Send `split`: true to keep it in parts.")
    return remember
