"""What a method of a namespace takes, and how that becomes what its verb takes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from mnemon.core.errors import Invalid
from mnemon.core.text import Schema
from mnemon.doors.routes import wire
from mnemon.verbs import Verb

#: A line that says what fields of a schema are: their names, a colon, and what they are.
_SAYS = re.compile(r"^(?P<names>\w+(?:, \w+)*): (?P<what>.*)$")


@dataclass(frozen=True)
class Taking:
    """What a verb takes from a caller of the library.

    Attributes:
        verb: the verb.
        title: what the method is called, for errors.
    """

    verb: Verb
    title: str

    @cached_property
    def model(self) -> type[Schema]:
        """The schema that arguments are checked by: the verb's request, or one made of its parameters."""
        return wire.request_of(self.verb.name)

    @cached_property
    def first(self) -> str | None:
        """The argument that may be given without its name: the first that has to be given."""
        return next((name for name, field in self.model.model_fields.items() if field.is_required()), None)

    def fields(self, one: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """Return the request that was given, or the fields of it by name.

        Raises:
            Invalid: a request and fields are given, or one of them twice; or nothing is taken without a name.
        """
        if not one:
            return dict(named)
        if isinstance(one[0], self.model) and self.verb.request is not None:
            if named:
                raise Invalid(
                    f"{self.title}: give a {self.model.__name__}, or its fields by name, not both.",
                    code="invalid.arguments",
                    field=next(iter(named)),
                )
            return one[0]
        if len(one) > 1 or self.first is None:
            raise Invalid(
                f"{self.title}: {len(one)} arguments were given without a name; it takes "
                f"{'none' if self.first is None else f'{self.first} at most'} so.",
                code="invalid.arguments",
                hint=f"Give them by name: {', '.join(self.model.model_fields) or 'there are none'}.",
            )
        if self.first in named:
            raise Invalid(f"{self.first} is given twice.", code="invalid.arguments", field=self.first)
        return {self.first: one[0], **named}

    @property
    def names(self) -> list[str]:
        """The names of its arguments: first that which may be given without, then those that have to be given."""
        fields = self.model.model_fields
        return sorted(fields, key=lambda name: (name != self.first, not fields[name].is_required()))

    @property
    def signature(self) -> inspect.Signature:
        """The arguments by name, as ``help`` shows them."""
        fields = self.model.model_fields
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD if name == self.first else inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty
                if fields[name].is_required()
                else fields[name].get_default(call_default_factory=True),
                annotation=fields[name].annotation,
            )
            for name in self.names
        ]
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        return inspect.Signature([own, *parameters], return_annotation=self.verb.answer)

    @property
    def described(self) -> dict[str, str]:
        """What each argument is, of those that do not explain themselves, by the schemas' docstrings."""
        meanings = dict(entry for schema in reversed(self.model.__mro__) for entry in _said(schema))
        return {name: meanings[name] for name in self.names if name in meanings}

    @property
    def docstring(self) -> str:
        """What the verb says of itself, with what its arguments are."""
        text = inspect.getdoc(self.verb.function) or ""
        if not self.described:
            return text
        lines = [f"    {name}: {meaning}" for name, meaning in self.described.items()]
        args = "\n".join(["Args:", *lines])
        if "\nArgs:\n" in text:
            return text
        before, raises, after = text.partition("\n\nRaises:\n")
        return f"{before}\n\n{args}{raises}{after}"


def _said(schema: type) -> Iterator[tuple[str, str]]:
    """Yield what a schema's own docstring says of its attributes."""
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)) or "__doc__" not in vars(schema):
        return
    _, _, section = (inspect.cleandoc(schema.__doc__ or "")).partition("Attributes:\n")
    names: list[str] = []
    meaning = ""
    for line in inspect.cleandoc("\n" + section).splitlines():
        if not line.startswith(" ") and (entry := _SAYS.match(line)):
            yield from ((name, meaning) for name in names)
            names, meaning = entry["names"].split(", "), entry["what"]
        elif not line.strip():
            break
        else:
            meaning = f"{meaning} {line.strip()}"
    yield from ((name, meaning) for name in names)
