"""The options that say which rows a read sees, the same for search, recall, list and forget."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli.times import moment

_PANEL = "Which rows"

Language = Annotated[
    str | None, typer.Option(metavar="CODE", help="What it is written in, such as de; found out, if left out.")
]
Hits = Annotated[int, typer.Option("-k", "--hits", min=1, max=1000, help="Hits wanted.")]
AsOf = Annotated[
    str | None, typer.Option(metavar="TIME", help="What Mnemon knew at this time.", rich_help_panel=_PANEL)
]
Utc = Annotated[
    bool, typer.Option("--utc", help="Read and show times in UTC, not in the zone of MNEMON_TIMEZONE or of the user.")
]

WHEN = "When it was said or true; now, if left out. Without a zone: in that of the user, of MNEMON_TIMEZONE, or here."

Conditions = dict[str, Any]
"""What the options of :data:`CONDITIONS` said: fields of the memory's Scope, and only those that were given."""


@dataclass(frozen=True, slots=True)
class ConditionOption:
    """An option that narrows down which rows a command sees.

    Attributes:
        name: the field of Scope that it fills.
        annotation: its type with Typer's option, as a command's parameter would have it.
        read: makes the field's value of what the command line says; the second argument is whether times are UTC, the
            third the user, if one is given.
    """

    name: str
    annotation: Any
    read: Callable[[Any, bool, str | None], Any]


def _option(kind: Any, metavar: str, text: str, *names: str) -> Any:
    return Annotated[kind, typer.Option(*names, metavar=metavar, help=text, rich_help_panel=_PANEL)]


def _word(name: str, metavar: str, text: str) -> ConditionOption:
    return ConditionOption(name, _option(str | None, metavar, text), lambda given, _utc, _user: given)


def _words(name: str, option: str, metavar: str, text: str) -> ConditionOption:
    annotation = _option(list[str] | None, metavar, text, option)
    return ConditionOption(name, annotation, lambda given, _utc, _user: list(given) if given else None)


def _time(name: str, annotation: Any) -> ConditionOption:
    option = f"--{name.replace('_', '-')}"
    return ConditionOption(name, annotation, lambda given, utc, user: moment(given, option, utc=utc, user=user))


CONDITIONS = (
    _word("user", "NAME", "Rows of this user, or that they said."),
    _word("agent", "NAME", "Rows that this agent said or keeps."),
    _word("said_by", "NAME", "Said by somebody of this name."),
    _word("conversation", "NAME", "Rows of this conversation."),
    _word("team", "SLUG", "Rows shared with this team."),
    _word("part_of", "ID", "Parts of this text; with it, search shows more than the best one."),
    _words("types", "--type", "TYPE", "Memory type, such as semantic; repeatable."),
    _words("tags", "--tag", "TAG", "With this tag; repeatable."),
    _time("since", _option(str | None, "TIME", "Said or true at this time or later.")),
    _time("until", _option(str | None, "TIME", "Said or true before this time.")),
    _time("as_of", AsOf),
    _time("valid_at", _option(str | None, "TIME", "What was true at this time.")),
    ConditionOption(
        "metadata",
        _option(list[str] | None, "KEY=VALUE", "With this in its metadata; repeatable."),
        lambda given, _utc, _user: pairs(given),
    ),
)
"""Every condition, in the order of the help: a new one is a line here, and its field in Scope."""


def with_conditions(*, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of :data:`CONDITIONS`, in the place of its keyword-only parameter ``conditions``.

    The command has ``utc: Utc`` too, by which the times of the conditions are read.

    Args:
        without: names of conditions that the command does not offer.
    """
    offered = [condition for condition in CONDITIONS if condition.name not in without]

    def expand(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            utc, user = given["utc"], given.get("user")
            read = {option.name: option.read(given.pop(option.name, None), utc, user) for option in offered}
            command(**given, conditions={name: value for name, value in read.items() if value is not None})

        signature = inspect.signature(command, eval_str=True)
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            if parameter.name == "conditions":
                parameters += [
                    inspect.Parameter(option.name, keyword, default=None, annotation=option.annotation)
                    for option in offered
                ]
            else:
                parameters.append(parameter.replace(kind=keyword))
        # Typer reads both: the parameters, and the types by their names.
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {option.name: option.annotation for option in parameters} | {"return": None}
        return run

    return expand


def pairs(given: Sequence[str] | None) -> dict[str, Any] | None:
    """KEY=VALUE as an object: a value that is JSON (a number, true, an object) is taken as that, else as text."""
    if not given:
        return None
    values: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Invalid(f"--metadata: {pair[:60]!r} is not KEY=VALUE.", code="invalid.metadata", field="metadata")
        try:
            values[key] = json.loads(value)
        except ValueError:
            values[key] = value
    return values


def json_object(given: str | None, option: str) -> dict[str, Any] | None:
    """Return a JSON object.

    Raises:
        Invalid: it is none.
    """
    if given is None:
        return None
    try:
        read = json.loads(given)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise Invalid(
            f"{option}: a JSON object is needed.",
            code="invalid.json",
            hint="""Such as '{"source": "notes", "page": 3}'.""",
            field=option.lstrip("-"),
        )
    return read


def weights(given: str | None) -> dict[str, float] | None:
    """Read ``semantic=.5,recency=.2`` as numbers by name; which names there are, the schema knows.

    Raises:
        Invalid: it is not of that form.
    """
    if given is None:
        return None
    try:
        return {
            name.strip(): float(value)
            for name, value in (pair.split("=", 1) for pair in given.split(",") if pair.strip())
        }
    except ValueError:
        raise Invalid(
            f"--weights: {given[:60]!r} is not NAME=NUMBER,...",
            code="invalid.weights",
            hint="Such as semantic=.5,recency=.2,importance=.1,continuity=.1,relationship=.1; the rest are defaults.",
            field="weights",
        ) from None
