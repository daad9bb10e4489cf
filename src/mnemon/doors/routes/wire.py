"""How a call of a verb travels over HTTP, and its answer back: the same for the server and for every client of ours.

A request becomes a method, a path, a query and a body by the table of routes, and the same request again at the other
end. Fields in the path are ids. Of GET and DELETE the other fields are in the query: a field with many values once for
each, one that is an object as JSON. Where a request has a ``scope``, its conditions may stand beside the other fields
(``?user=ada``). An answer is JSON of the type that the verb says it answers with.
"""

from __future__ import annotations

import base64
import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from pydantic import BaseModel, SecretStr, TypeAdapter, create_model
from pydantic_core import from_json, to_json, to_jsonable_python

from mnemon import verbs
from mnemon.conversations.schemas import NewMessage
from mnemon.core.errors import Invalid
from mnemon.core.strict import Whole
from mnemon.core.text import Moment, Schema, parse
from mnemon.doors.routes.table import Route
from mnemon.memory.schemas import NewMemory
from mnemon.verbs import Verb

#: Fields that are sent also where they have their default: they tell one schema from another in the same place.
_TELLING: dict[type[BaseModel], str] = {NewMemory: "memory_type", NewMessage: "role"}
#: The field of a request whose own fields may stand beside it.
_SCOPE = "scope"


class Call(NamedTuple):
    """A call as it travels.

    Attributes:
        method: GET, POST, PATCH, PUT or DELETE.
        path: below ``/v1``, with the values in it percent-encoded.
        query: names and values, in order; a name may come more than once.
        body: a JSON object; None: the call has no body.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: dict[str, Any] | None


class Field(typing.NamedTuple):
    """How a field travels in a query.

    Attributes:
        many: it may be given more than once.
        parsed: its values are JSON where they can be read as that.
    """

    many: bool
    parsed: bool


@cache
def request_of(verb_name: str) -> type[Schema]:
    """Return the schema of what a verb is asked: its request's, or one made of the ids and keywords that it takes."""
    verb = verbs.find(verb_name)
    if verb.request is not None:
        return verb.request
    signature = inspect.signature(verb.function).parameters
    fields: dict[str, Any] = {
        name: (_typed(hint), ... if signature[name].default is inspect.Parameter.empty else signature[name].default)
        for name, hint in verb.parameters.items()
    }
    title = "".join(part.capitalize() for part in verb_name.replace(".", "_").split("_")) + "Parameters"
    return create_model(title, __base__=Schema, __doc__=f"What {verb_name} takes.", **fields)


def _typed(hint: Any) -> Any:
    """Return a parameter's type with the rules that a field of a schema has."""
    if isinstance(hint, types.UnionType):
        return typing.Union[tuple(_typed(part) for part in typing.get_args(hint))]  # noqa: UP007
    return {datetime: Moment, int: Whole}.get(hint, hint)


def arguments(verb: Verb, request: Schema) -> dict[str, Any]:
    """Return what the verb is called with, by name, beside the context."""
    if verb.request is None:
        return {name: getattr(request, name) for name in type(request).model_fields}
    return {next(iter(verb.parameters)): request}


def encode(route: Route, request: BaseModel | None = None, /, **parameters: Any) -> Call:
    """Turn a request, or the ids and keywords of a verb that takes no request, into a call.

    Raises:
        Invalid: a field of the path is missing.
    """
    fields = plain(request) if request is not None else {name: plain(value) for name, value in parameters.items()}
    path = route.path
    for name in route.names:
        value = fields.pop(name, None)
        if value is None:
            raise Invalid(f"{name}: it is needed.", code="invalid.missing", field=name)
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    if not route.in_query:
        return Call(route.method, path, (), fields)
    scope = fields.pop(_SCOPE, None)
    if scope is not None and scope_of(request_of(route.verb)) is not None:
        fields.update(scope)
    elif scope is not None:
        fields[_SCOPE] = scope
    return Call(route.method, path, tuple(_in_query(fields)), None)


def _in_query(fields: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, list):
            yield from ((name, _text(each)) for each in value)
        elif value is not None:
            yield name, _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value).decode()


def plain(value: Any) -> Any:
    """Return a value as JSON has it: of a schema the fields that were given, secrets readable."""
    if isinstance(value, BaseModel):
        names = value.model_fields_set | {_TELLING.get(type(value), "")}
        return {name: plain(getattr(value, name)) for name in type(value).model_fields if name in names}
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return to_jsonable_python(value)


def decode(
    route: Route, names: Mapping[str, str], query: Iterable[tuple[str, str]] = (), body: Any = None, **door: Any
) -> Schema:
    """Turn what came over HTTP into the request that it is; see :func:`fields_in`.

    Raises:
        Invalid: the first thing that is wrong, with the field's name.
    """
    return parse(request_of(route.verb), fields_in(route, names, query, body, **door))


def fields_in(
    route: Route, names: Mapping[str, str], query: Iterable[tuple[str, str]] = (), body: Any = None, **door: Any
) -> dict[str, Any]:
    """Return the fields of the request that came over HTTP, not looked at yet.

    Args:
        route: which.
        names: what stood in the path, percent-encoded, by name.
        query: what stood in the query, decoded.
        body: the JSON of the body; None: there was none.
        **door: what whoever serves knows better than who calls: it replaces what was given.

    Raises:
        Invalid: the body is no object, or something stands in the wrong place or twice.
    """
    model = request_of(route.verb)
    if route.in_query:
        if body is not None:
            raise Invalid(f"{route.method} takes no body here: give the fields in the query.", code="invalid.body")
        fields = _of_query(model, query)
    else:
        stray = next(iter(query), None)
        if stray is not None:
            raise Invalid(f"{stray[0]}: give it in the body.", code="invalid.query", field=stray[0])
        if body is not None and not isinstance(body, dict):
            raise Invalid("The body has to be a JSON object.", code="invalid.body")
        fields = dict(body or {})
    for name, value in names.items():
        fields[name] = unquote(value)
    return {**scoped(model, fields), **door}


def _of_query(model: type[BaseModel], query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    ways, fields = fields_of(model), dict[str, Any]()
    for name, text in query:
        field = ways.get(name, Field(many=False, parsed=False))
        value = _parsed(text) if field.parsed else text
        if field.many:
            fields.setdefault(name, []).append(value)
        elif name in fields:
            raise Invalid(f"{name}: it is given twice.", code="invalid.twice", field=name)
        else:
            fields[name] = value
    return fields


def _parsed(text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text


def scoped(model: type[BaseModel], fields: dict[str, Any]) -> dict[str, Any]:
    """Put conditions that stand beside the other fields into the request's scope.

    Raises:
        Invalid: there is a scope as well.
    """
    inner = scope_of(model)
    if inner is None:
        return fields
    beside = {name for name in fields if name in inner.model_fields and name not in model.model_fields}
    if not beside:
        return fields
    if _SCOPE in fields:
        raise Invalid("Give a scope, or conditions by name, not both.", code="invalid.scope", field=min(beside))
    others = {name: value for name, value in fields.items() if name not in beside}
    return {**others, _SCOPE: {name: fields[name] for name in beside}}


@cache
def scope_of(model: type[BaseModel]) -> type[BaseModel] | None:
    """Return the schema of a request's scope, if it has one."""
    field = model.model_fields.get(_SCOPE)
    kinds = _kinds(field.annotation) if field is not None else ()
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


@cache
def fields_of(model: type[BaseModel]) -> Mapping[str, Field]:
    """Return how each field of a request travels in a query, the conditions of its scope included."""
    inner = scope_of(model)
    known = {name: field.annotation for name, field in inner.model_fields.items()} if inner is not None else {}
    known |= {name: field.annotation for name, field in model.model_fields.items()}
    return {name: _field(_kinds(annotation)) for name, annotation in known.items()}


def _field(kinds: tuple[Any, ...]) -> Field:
    text = any(isinstance(kind, type) and issubclass(kind, str) for kind in kinds)
    many = any(typing.get_origin(kind) in (tuple, list, set, frozenset) for kind in kinds)
    if many:
        item = _kinds(next(typing.get_args(kind)[0] for kind in kinds if typing.get_args(kind)))
        return Field(many=True, parsed=_field(item).parsed)
    return Field(many=False, parsed=not text and any(_is_json(kind) for kind in kinds))


def _is_json(kind: Any) -> bool:
    plain_kind = typing.get_origin(kind) or kind
    return plain_kind is Any or (
        isinstance(plain_kind, type) and issubclass(plain_kind, int | float | dict | BaseModel)
    )


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """Return the types that a field may have, without what annotates them and without None."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _kinds(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(kind for part in typing.get_args(annotation) for kind in _kinds(part))
    return () if annotation is types.NoneType else (annotation,)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb answers with, as bytes and back."""

    adapter: TypeAdapter[Any]
    nothing: bool
    secret: bool

    def dump(self, value: Any) -> bytes:
        """Return an answer as JSON; nothing where the verb answers nothing. Secrets are readable."""
        if self.nothing:
            return b""
        return to_json(_shown(value)) if self.secret else self.adapter.dump_json(value)

    def load(self, content: bytes) -> Any:
        """Return the answer that JSON stands for.

        Raises:
            ValueError: it is none.
        """
        return None if self.nothing else self.adapter.validate_json(content)


@cache
def answer_of(name: str) -> Answer:
    """Return what a verb answers with, by its name."""
    kind = verbs.find(name).answer
    adapter = TypeAdapter[Any](kind)
    schema = to_json(adapter.json_schema(mode="serialization"))
    return Answer(adapter, kind in (None, types.NoneType), b'"writeOnly":true' in schema)


def _shown(value: Any) -> Any:
    """Return an answer as JSON has it, all of it, secrets readable."""
    if isinstance(value, BaseModel):
        return {name: _shown(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {str(name): _shown(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(each) for each in value]
    return value
