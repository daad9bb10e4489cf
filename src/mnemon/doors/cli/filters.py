"""The options that say which rows a read sees, the same for search, recall, list and forget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli.times import moment

_PANEL = "Which rows"

Hits = Annotated[int, typer.Option("-k", "--hits", min=1, max=1000, help="Hits wanted.")]
User = Annotated[
    str | None, typer.Option(metavar="NAME", help="Rows of this person, or said by them.", rich_help_panel=_PANEL)
]
Agent = Annotated[
    str | None, typer.Option(metavar="NAME", help="Rows that this agent said or keeps.", rich_help_panel=_PANEL)
]
Conversation = Annotated[
    str | None, typer.Option(metavar="NAME", help="Rows of this conversation.", rich_help_panel=_PANEL)
]
Team = Annotated[str | None, typer.Option(metavar="SLUG", help="Rows shared with this team.", rich_help_panel=_PANEL)]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Memory type, such as semantic; repeatable.", rich_help_panel=_PANEL),
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="With this tag; repeatable.", rich_help_panel=_PANEL)
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Said or true at this time or later.", rich_help_panel=_PANEL)
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Said or true before this time.", rich_help_panel=_PANEL)
]
AsOf = Annotated[
    str | None, typer.Option(metavar="TIME", help="What Mnemon knew at this time.", rich_help_panel=_PANEL)
]
ValidAt = Annotated[
    str | None, typer.Option(metavar="TIME", help="What was true at this time.", rich_help_panel=_PANEL)
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="With this in its metadata; repeatable.", rich_help_panel=_PANEL),
]
Utc = Annotated[bool, typer.Option("--utc", help="Read and show times in UTC, not in local time.")]


def conditions(
    *,
    user: str | None = None,
    agent: str | None = None,
    conversation: str | None = None,
    team: str | None = None,
    types: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    as_of: str | None = None,
    valid_at: str | None = None,
    metadata: Sequence[str] | None = None,
    utc: bool = False,
) -> dict[str, Any]:
    """The fields of Scope that the command line gives.

    Raises:
        Invalid: a time or a pair cannot be read.
    """
    fields = {
        "user": user,
        "agent": agent,
        "conversation": conversation,
        "team": team,
        "types": list(types) if types else None,
        "tags": list(tags) if tags else None,
        "since": moment(since, "--since", utc=utc),
        "until": moment(until, "--until", utc=utc),
        "as_of": moment(as_of, "--as-of", utc=utc),
        "valid_at": moment(valid_at, "--valid-at", utc=utc),
        "metadata": pairs(metadata),
    }
    return {name: value for name, value in fields.items() if value is not None}


def pairs(given: Sequence[str] | None) -> dict[str, Any] | None:
    """KEY=VALUE as an object: a value that is JSON (a number, true, an object) is taken as that, else as text."""
    if not given:
        return None
    found: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Invalid(f"--metadata: {pair[:60]!r} is not KEY=VALUE.", code="invalid.metadata", field="metadata")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def json_object(given: str | None, option: str) -> dict[str, Any] | None:
    """A JSON object.

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
    """``semantic=.5,recency=.2`` as numbers by name; which names there are, the schema knows.

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
