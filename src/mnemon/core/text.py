"""Text that a database can keep: what is refused, and the pydantic types that refuse it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from mnemon.core import times
from mnemon.core.errors import Invalid

CONTENT_LIMIT = 50_000
TEXT_LIMIT = 4_194_304
LABEL_LIMIT = 255
JSON_DEPTH = 32
JSON_SIZE = 262_144
JSON_BITS = 1024  # what a double holds

_SURROGATE = re.compile("[\ud800-\udfff]")
#: Letters that nobody sees, beside white space, control characters and most characters of format: fillers and blanks.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
#: Characters of format that are seen: signs around numbers, and the tags that end the flag of a region.
_SEEN = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U000e0020-\U000e007f]")


def check_characters(value: str) -> str:
    """Refuse what PostgreSQL cannot store: NUL, and halves of surrogate pairs."""
    if "\x00" in value:
        raise PydanticCustomError("characters", "the text has a NUL character; remove it")
    if not value.isascii() and _SURROGATE.search(value):
        raise PydanticCustomError("characters", "the text has a lone surrogate: it was decoded wrongly")
    return value


def trimmed(text: str) -> str:
    """Return a name without what nobody sees at its ends, in its composed form (NFC); nothing if nobody sees any of it.

    What nobody sees: every white space of Unicode, zero-width and other characters of format, control characters,
    fillers. Inside a name they stay: some scripts and emoji need them.
    """
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    first, last = 0, len(text)
    while first < last and _unseen(text[first]):
        first += 1
    while last > first and _unseen(text[last - 1]):
        last -= 1
    return unicodedata.normalize("NFC", text[first:last])


def _unseen(character: str) -> bool:
    if character.isspace() or character in _UNSEEN:
        return True
    category = unicodedata.category(character)
    return category == "Cc" or (category == "Cf" and not _SEEN.match(character))


def check_name(value: Any) -> Any:
    """Trim a name; refuse one that is blank or that PostgreSQL cannot store."""
    if not isinstance(value, str) or not value:
        return value
    if value.isascii() and value.isprintable() and value[0] != " " != value[-1]:
        return value
    check_characters(value)
    name = trimmed(value)
    if not name:
        raise PydanticCustomError("blank", "the name is blank; give one that can be read")
    return name


def _key(value: Any) -> Any:
    if isinstance(value, str) and value:
        check_characters(value)
        if not trimmed(value):
            raise PydanticCustomError("blank", "the id is blank")
    return value


def check_content(value: str) -> str:
    """Refuse empty, blank and over-long content."""
    if len(value) > CONTENT_LIMIT:
        raise PydanticCustomError(
            "content_too_long",
            "the content has {length} characters, more than 50,000: give a shorter one",
            {"length": len(value)},
        )
    return check_text(value)


def check_text(value: str) -> str:
    """Refuse empty and blank texts, and those that are too long even in parts."""
    if not value or value.isspace():
        raise PydanticCustomError("content_empty", "the content is empty")
    if len(value) > TEXT_LIMIT:
        raise PydanticCustomError(
            "content_too_long",
            "the content has {length} characters; at most 4,194,304 are kept as one text: split it",
            {"length": len(value)},
        )
    return check_characters(value)


def _check_json(value: Any) -> Any:
    size = 0
    stack: list[tuple[Any, int]] = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        size += 1
        if depth > JSON_DEPTH:
            raise PydanticCustomError("json_too_deep", "the JSON is nested deeper than 32 levels")
        if isinstance(item, str):
            check_characters(item)
            size += len(item)
        elif isinstance(item, dict):
            for key, inner in item.items():
                if not isinstance(key, str):
                    raise PydanticCustomError("json", "a JSON object's keys are strings")
                size += len(check_characters(key))
                stack.append((inner, depth + 1))
        elif isinstance(item, list | tuple):
            stack += [(inner, depth + 1) for inner in item]
        elif isinstance(item, float) and (item != item or item in {float("inf"), float("-inf")}):
            raise PydanticCustomError("json", "JSON has no NaN and no infinity")
        elif isinstance(item, int) and item.bit_length() > JSON_BITS:
            raise PydanticCustomError("json", "a JSON number is too large")
        elif item is not None and not isinstance(item, bool | int | float):
            raise PydanticCustomError("json", "{kind} is not a JSON value", {"kind": type(item).__name__})
        if size > JSON_SIZE:
            raise PydanticCustomError("json_too_large", "the JSON has more than 262,144 characters and values")
    return value


def _in_utc(value: Any) -> Any:
    """Read a time of any form but a count since 1970, which pydantic reads; every time is kept in UTC."""
    try:
        if isinstance(value, str) and not times.EPOCH.fullmatch(value.strip()):
            return times.read(value)
        return times.as_utc(value) if isinstance(value, date) else value
    except ValueError as error:
        raise PydanticCustomError("time", "{problem}", {"problem": str(error)}) from None


def _kept(value: datetime) -> datetime:
    """Hold a count since 1970 to the same bounds."""
    try:
        return times.as_utc(value)
    except ValueError as error:
        raise PydanticCustomError("time", "{problem}", {"problem": str(error)}) from None


def _unique(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(one, str) for one in value):
        return value
    return tuple(dict.fromkeys(value))


Content = Annotated[str, Field(strict=True), AfterValidator(check_content)]
#: A text to be kept: what is longer than one row may be is kept in parts, where that is asked for.
LongContent = Annotated[str, Field(strict=True), AfterValidator(check_text)]
#: A name of at most 255 characters: of a person, an agent, a conversation, a tag, a kind, and whatever is a name too.
Label = Annotated[str, Field(strict=True, min_length=1, max_length=LABEL_LIMIT), BeforeValidator(check_name)]
#: Names of the columns that hold 50, 100, 200 or 500 characters: a limit beside a default would not replace Label's.
Label50 = Annotated[str, Field(strict=True, min_length=1, max_length=50), BeforeValidator(check_name)]
Label100 = Annotated[str, Field(strict=True, min_length=1, max_length=100), BeforeValidator(check_name)]
Label200 = Annotated[str, Field(strict=True, min_length=1, max_length=200), BeforeValidator(check_name)]
Label500 = Annotated[str, Field(strict=True, min_length=1, max_length=500), BeforeValidator(check_name)]
#: An id that another system gave: kept as it is, letter by letter, and never blank.
Key = Annotated[str, Field(strict=True, min_length=1, max_length=LABEL_LIMIT), BeforeValidator(_key)]
Tag = Label100
Tags = Annotated[tuple[Tag, ...], BeforeValidator(_unique), Field(max_length=100), AfterValidator(_unique)]
Json = Annotated[Any, AfterValidator(_check_json)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_check_json)]
Moment = Annotated[datetime, BeforeValidator(_in_utc), AfterValidator(_kept)]


class Schema(BaseModel):
    """The base of every schema: unknown fields are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    #: What its fields are to a caller.
    called: ClassVar[str] = "field"


T = TypeVar("T", bound=BaseModel)


def parse(model: type[T], data: Any) -> T:
    """Validate data as a schema.

    Raises:
        Invalid: the first thing that is wrong, with ``invalid.<rule>`` as its code and the field's name; the value
            itself is not repeated.
    """
    if isinstance(data, model):
        return data
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid(error, model) from None


@cache
def moments_of(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of a schema's fields that are times."""
    return frozenset(name for name, field in model.model_fields.items() if "datetime" in str(field.annotation))


def invalid(error: ValidationError, model: type[BaseModel] | None = None) -> Invalid:
    """Return what pydantic found, as an error of ours.

    Args:
        error: what it found.
        model: the schema, whose fields are named where one is not known.
    """
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return _unknown_field(field, _around(model, first["loc"][:-1]), error.title)
    return Invalid(f"{field or error.title}: {first['msg']}.", code=f"invalid.{first['type']}", hint=None, field=field)


def _unknown_field(path: str, model: type[BaseModel] | None, title: str) -> Invalid:
    called, names = getattr(model, "called", "field"), sorted(model.model_fields) if model else []
    name = path.rpartition(".")[2]
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    close = close or [each for each in names if name.lower().startswith(each)][-1:]
    hint = f"Known fields are listed in the documentation of {title}."
    if names:
        hint = (f"Did you mean {close[0]}? " if close else "") + f"There are: {', '.join(names)}."
    return Invalid(f"{path}: there is no such {called}.", code="invalid.unknown_field", hint=hint, field=path)


def _around(model: type[BaseModel] | None, way: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the schema that lies at a way of fields and places within another."""
    for step in way:
        if model is None or isinstance(step, int):
            continue
        field = model.model_fields.get(step)
        if field is not None:
            model = next(_schemas(field.annotation), None)
    return model


def _schemas(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _schemas(part)
