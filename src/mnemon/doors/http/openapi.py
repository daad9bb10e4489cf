"""The description of every route (OpenAPI 3.1), made of the table, the registry of verbs and their schemas."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from mnemon import verbs
from mnemon._version import __version__
from mnemon.doors import routes
from mnemon.doors.http import samples
from mnemon.doors.http.endpoint import PREFIX
from mnemon.doors.routes import wire
from mnemon.doors.routes.table import Route
from mnemon.verbs import Verb

_REF = "#/components/schemas/{model}"
_SAID_BY = {
    400: "The request breaks a rule; `field` names what.",
    401: "Nobody who is known calls.",
    403: "Who calls may not do this.",
    404: "It is not there, or not this organisation's to see.",
    408: "The body did not arrive in time.",
    409: "Another change came first, or it is there already.",
    412: "It has another version than `If-Match` says.",
    413: "The body is larger than it may be.",
    415: "A body of this type is not read.",
    422: "The `Idempotency-Key` was used for another request.",
    431: "The head of the call has too many bytes.",
    429: "There were too many calls; `Retry-After` says when to come again.",
    500: "Something unexpected happened; it was noted under the request's id.",
    503: "Something that this needs cannot be reached now.",
}
_ALWAYS = (400, 401, 403, 404, 429, 431, 500, 503)
_BODIED = (408, 409, 413, 415, 422)
_ABOUT = """The memory of AI agents and the people they work with.

Every call is made with `Authorization: Bearer mnk_...`, an API key. A list is read page by page: `next_cursor` of one
page, or its `Link` header, leads to the next. Errors are problem details (RFC 9457) with a stable `code`."""
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "What went wrong (RFC 9457); other members give details to programs.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "One sentence for a person."},
        "code": {"type": "string", "description": "Stable and dotted, such as `invalid.unknown_field`."},
        "request_id": {"type": "string", "description": "What the request is called in the logs."},
        "hint": {"type": "string", "description": "What to do about it."},
        "field": {"type": "string", "description": "The field that is meant."},
    },
}


@cache
def verbs_described() -> Mapping[str, Any]:
    """Return the description of the verbs alone; nobody changes it."""
    schemas, components = _schemas()
    paths: dict[str, Any] = {}
    for route in routes.every():
        path = PREFIX + routes.published()[route.verb]
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    responses = {
        str(status): {
            "description": text,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, text in _SAID_BY.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mnemon",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": name} for name in dict.fromkeys(route.verb.partition(".")[0] for route in routes.every())],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key: `mnk_...`."}},
            "responses": responses,
            "schemas": {**components, "Problem": PROBLEM},
        },
    }


def description(others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the whole description.

    Args:
        others: paths, schemas and tags of routers that are no verbs', as FastAPI describes them.
    """
    whole = copy.deepcopy(dict(verbs_described()))
    if others is not None:
        whole["paths"] = dict(sorted({**others.get("paths", {}), **whole["paths"]}.items()))
        theirs = others.get("components", {})
        for kind in ("schemas", "securitySchemes"):
            whole["components"][kind] = {**theirs.get(kind, {}), **whole["components"][kind]}
    return whole


@cache
def _schemas() -> tuple[dict[tuple[str, str], dict[str, Any]], dict[str, Any]]:
    """Return the schema of every request and answer, by verb and mode, and what they refer to."""
    inputs: list[Any] = []
    for route in routes.every():
        inputs.append((route.verb, "validation", TypeAdapter(wire.request_of(route.verb))))
        inputs.append((route.verb, "serialization", TypeAdapter(verbs.find(route.verb).answer)))
    schemas, definitions = TypeAdapter.json_schemas(inputs, by_alias=False, ref_template=_REF)
    components = definitions.get("$defs", {})
    for schema in [*schemas.values(), *components.values()]:
        _readable(schema)
    return dict(schemas), components


def _readable(schema: Any) -> None:
    """Take out of a schema what only a validator wants to know."""
    if isinstance(schema, dict):
        schema.pop("writeOnly", None)
        if isinstance(schema.get("pattern"), str):
            schema["pattern"] = schema["pattern"].replace("\\z", "$")  # the end, in the words of JSON Schema
        for inner in schema.values():
            _readable(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _readable(inner)


def _operation(route: Route, schemas: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    verb = verbs.find(route.verb)
    operation: dict[str, Any] = {
        "operationId": route.verb.replace(".", "_"),
        "tags": [verb.domain],
        "summary": verb.summary,
        "description": _told(verb),
        "parameters": _parameters(route),
        "responses": _responses(route, schemas[route.verb, "serialization"]),
    }
    if not route.in_query:
        body = _body(route)
        if body["schema"].get("properties") or "anyOf" in body["schema"]:
            needed = bool(body["schema"].get("required") or "anyOf" in body["schema"])
            operation["requestBody"] = {"required": needed, "content": {"application/json": body}}
    if route.verb == "identity.refresh_session":
        operation["security"] = []
    return operation


def _told(verb: Verb) -> str:
    """Return what a verb's docstring says after its first line, without what it raises, and its permission."""
    text = (inspect.getdoc(verb.function) or "").partition("\n")[2]
    said = text.partition("Raises:")[0].partition("Args:")[0].strip()
    needs = " or ".join(f"`{one}`" for one in verb.permissions) or "none"
    permission = f"Permission: {needs}" + (f" ({verb.rule})." if verb.rule else ".")
    return f"{said}\n\n{permission}".strip()


@cache
def _properties(verb: str) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the fields of a request as schemas, conditions of its scope beside them, and which are needed."""
    own = _resolved(_schemas()[0][verb, "validation"])
    properties = dict(own["properties"])
    if wire.scope_of(wire.request_of(verb)) is not None:
        beside = _resolved(properties["scope"])["properties"]
        properties |= {name: schema for name, schema in beside.items() if name not in properties}
    return properties, frozenset(own.get("required", ()))


def _resolved(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object that a schema stands for, or the one object among what it may be."""
    if "$ref" in schema:
        schema = _schemas()[1][schema["$ref"].rpartition("/")[2]]
    for kind in schema.get("anyOf", ()):
        if "$ref" in kind:
            return _resolved(kind)
    return {"properties": {}, **schema}


def _parameters(route: Route) -> list[dict[str, Any]]:
    published = routes.published()[route.verb]
    names = [segment[1:-1] for segment in published.split("/") if segment.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}} for name in names
    ]
    properties, required = _properties(route.verb)
    if route.in_query:
        ways = wire.fields_of(wire.request_of(route.verb))
        for name, schema in properties.items():
            if name in route.names or name in route.door or name == "scope":
                continue
            parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in required}
            if ways[name].parsed and not ways[name].many and _is_object(schema):
                parameter["content"] = {"application/json": {"schema": _without_null(schema)}}
            else:
                parameter["schema"] = _without_null(schema)
            parameters.append(parameter)
    if "expected_version" in properties:
        tag = {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$', "examples": ['"3"']}
        parameters.append({"name": "If-Match", "in": "header", "required": False, "schema": tag})
    if not route.in_query or route.method == "DELETE":
        key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": key})
    return parameters


def _is_object(schema: Mapping[str, Any]) -> bool:
    kinds = [schema, *schema.get("anyOf", ())]
    return any(kind.get("type") == "object" or "$ref" in kind for kind in kinds)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of what can stand in a query, where null cannot."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    others = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    if len(kinds) == 1:
        return {**others, **kinds[0]}
    return {**others, "anyOf": kinds} if kinds else schema


def _body(route: Route) -> dict[str, Any]:
    if route.verb == "memory.remember":
        return {"schema": samples.REMEMBER, "examples": samples.REMEMBERED}
    properties, required = _properties(route.verb)
    left = {name: each for name, each in properties.items() if name not in {*route.names, *route.door}}
    schema: dict[str, Any] = {
        "title": wire.request_of(route.verb).__name__,
        "type": "object",
        "properties": left,
        "additionalProperties": False,
    }
    needed = sorted(required & left.keys())
    if needed:
        schema["required"] = needed
    return {"schema": schema, "example": samples.of(route.verb, left, needed)}


def _responses(route: Route, schema: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "It was done."}
    if route.status != 204:
        good["description"] = "What it answers."
        content: dict[str, Any] = {"application/json": {"schema": schema}}
        if route.verb in {"memory.recall", "memory.search"}:
            content["text/plain"] = {"schema": {"type": "string"}}
        good["content"] = content
    has_version = "expected_version" in wire.request_of(route.verb).model_fields
    statuses = [*_ALWAYS, *(() if route.in_query else _BODIED), *((409, 412) if has_version else ())]
    if route.method == "DELETE":
        statuses += [409, 422]
    responses = {str(route.status): good}
    if route.method == "GET":
        responses["304"] = {"description": "It has the version of `If-None-Match`."}
    for status in sorted(set(statuses)):
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    return responses
