"""Describes each column of a recallable table once; the statements that name every column are made of it.

Such a statement is a file that can be read all the same: where the columns stand in it, it has a place for their list,
such as ``{columns}``. Values travel by the column's name; what turns them into parameters is here too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cached_property
from operator import attrgetter
from typing import Any

from mnemon.db.params import Params
from mnemon.db.types import array_literal, dump_json

#: Types whose values the driver sends in its own binary form. All others travel as text, a whole array as one text:
#: the driver takes longer to look at each value than the server to read it.
_BINARY = frozenset({"uuid", "boolean", "integer", "bigint", "double precision", "timestamptz", "halfvec"})
#: Types that cross the wire as they are, one way or the other; any other is an enumeration of ours.
_PLAIN = _BINARY | {"text", "text[]", "uuid[]", "tsvector"}
_ENCODE: dict[str, Callable[[Any], str]] = {
    "jsonb": dump_json,
    "text[]": array_literal,
    "uuid[]": lambda ids: "{" + ",".join(map(str, ids)) + "}",
}
_DECODE: dict[str, Callable[[Any], Any]] = {"jsonb": json.loads, "text[]": tuple, "uuid[]": tuple}


class Origin(Enum):
    """Says where the value of a new row comes from."""

    REQUEST = "a field of what is to be remembered"
    WRITER = "found while it is written, such as the id of whom it names"
    DATABASE = "a default, a trigger or the statement itself"


class Compare(Enum):
    """Compares a column (first place) with the value of a condition (second place)."""

    EQUALS = "{} = {}"
    ONE_OF = "{} = ANY({})"
    HAS_ALL = "{} @> {}"
    HAS_ANY = "{} && {}"


class Missing(Enum):
    """Stands for a value that is not there, where None is a value."""

    VALUE = "missing"


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition of a scope on one column.

    Attributes:
        field: the field of Scope.
        test: how the column is compared with it.
    """

    field: str
    test: Compare

    def value(self, scope: Any) -> Any:
        """Read what the scope asks for; None if it does not ask. An empty set asks for rows that there are none of."""
        found = getattr(scope, self.field)
        return None if found in ((), {}) else found

    def allows(self, constant: Any, value: Any) -> bool:
        """Tell whether a table whose rows all have the constant in place of the column can hold a match."""
        return bool(constant in value if self.test is Compare.ONE_OF else constant == value)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a recallable table, and what each statement does with it.

    Attributes:
        name: its name in the table, and that of the request's, the change's and the item's field.
        sql_type: its SQL type, without a length.
        origin: where the value of a new row comes from.
        enum: the Python type of an enumeration, if an item has that and not a text.
        updatable: a change may set it in place; the change is logged.
        inherited: a correction takes it over from what it corrects; so it does with what is updatable.
        returned: it is a field of an item, as it is read.
        scored: recall's signals read it of each candidate.
        expression: what is read instead of the column alone (alias ``t``).
        elsewhere: what the rows of a table without the column are said to have.
        filters: conditions of a scope on it.
    """

    name: str
    sql_type: str
    origin: Origin = Origin.REQUEST
    enum: type[StrEnum] | None = None
    updatable: bool = False
    inherited: bool = False
    returned: bool = False
    scored: bool = False
    expression: str = ""
    elsewhere: Any = Missing.VALUE
    filters: tuple[Filter, ...] = ()

    @property
    def as_text(self) -> bool:
        """Whether its values are sent as text."""
        return self.sql_type not in _BINARY

    @property
    def is_array(self) -> bool:
        """Whether a value is an array itself."""
        return self.sql_type.endswith("[]")

    @property
    def read(self) -> str:
        """The expression (alias ``t``) under which it is read; enumerations and JSON as text."""
        whole = self.expression or f"t.{self.name}"
        return whole if self.sql_type in _PLAIN else f"{whole}::text"

    @property
    def constant(self) -> str:
        """The expression that a table without the column is read with instead."""
        kind = self.sql_type if self.sql_type in _PLAIN else "text"
        value = self.elsewhere
        quoted = f"'{value}'" if isinstance(value, str) else "NULL" if value is None else json.dumps(value)
        return f"{quoted}::{kind}"

    @property
    def decoder(self) -> Callable[[Any], Any] | None:
        """What turns a value that was read, and is not null, into the item's; None where it is that already."""
        return self.enum or _DECODE.get(self.sql_type)

    def encode(self, value: Any) -> Any:
        """Turn one value into a parameter; None stays None."""
        how = _ENCODE.get(self.sql_type)
        return value if how is None or value is None else how(value)

    @property
    def array_encoder(self) -> Callable[[Sequence[Any]], Any]:
        """What turns one value a row into the parameter of :attr:`Insert.parts`' arrays.

        All None make an empty array, which ``unnest`` fills up with nulls.
        """
        how = _ENCODE.get(self.sql_type)
        if not self.as_text:
            return lambda values: [] if _all_none(values) else list(values)
        if how is None:
            return lambda values: "{}" if _all_none(values) else array_literal(values)
        return lambda values: (
            "{}" if _all_none(values) else array_literal([None if value is None else how(value) for value in values])
        )

    def parameter(self, number: int) -> str:
        """Return the place of one value in a statement."""
        return f"${number}::text::{self.sql_type}" if self.as_text else f"${number}::{self.sql_type}"

    def condition(self, test: Compare, value: Any, params: Params) -> str:
        """Return the predicate (alias ``t``) of a filter; its value goes into the parameters."""
        if test is Compare.ONE_OF:
            place = params.add(sorted(value), "text[]" if self.as_text else f"{self.sql_type}[]")
            place += f"::{self.sql_type}[]"
        elif self.sql_type == "jsonb" or (self.as_text and not self.is_array):
            place = f"{params.add(self.encode(value), 'text')}::{self.sql_type}"
        else:
            place = params.add(list(value) if self.is_array else value, self.sql_type)
        return test.value.format(f"t.{self.name}", place)


def _all_none(values: Sequence[Any]) -> bool:
    return bool(values) and values[0] is None and not any(value is not None for value in values)


def named(expression: str, name: str) -> str:
    """Return an expression (alias ``t``) in a SELECT list, under a name."""
    return expression if expression == f"t.{name}" else f"{expression} AS {name}"


def read_as(columns: Iterable[Column]) -> dict[str, str]:
    """Return the expressions under which columns are read, by name."""
    return {column.name: column.read for column in columns}


class Insert:
    """The lists of an INSERT of many rows, one array a column, and its parameters by the columns' names.

    Args:
        columns: all of the table; those that the database fills are left out.
        first: the number of the first array's parameter.
    """

    def __init__(self, columns: Iterable[Column], *, first: int) -> None:
        self.columns = tuple(column for column in columns if column.origin is not Origin.DATABASE)
        self._first = first
        # Told apart once, for a single row is written as often as thousands.
        self._encoders = [(column.name, column.array_encoder) for column in self.columns]
        of_request = {column.name for column in self.columns if column.origin is Origin.REQUEST}
        self._of_request = [(name, attrgetter(name), how) for name, how in self._encoders if name in of_request]

    @cached_property
    def parts(self) -> dict[str, str]:
        """``{columns}``: their names; ``{values}``: the same of alias ``n``; ``{arrays}``: what ``unnest`` takes."""
        return {
            "columns": lines(column.name for column in self.columns),
            "values": lines(f"n.{c.name}::{c.sql_type}" if c.is_array else f"n.{c.name}" for c in self.columns),
            "arrays": lines(_array(column, number) for number, column in enumerate(self.columns, self._first)),
        }

    def of_requests(self, requests: Sequence[Any]) -> dict[str, Any]:
        """Return the parameters that follow from the requests alone, by column."""
        return {name: encode(list(map(get, requests))) for name, get, encode in self._of_request}

    def arguments(self, of_requests: Mapping[str, Any], found: Mapping[str, Sequence[Any]]) -> list[Any]:
        """Return all parameters in the statement's order.

        Args:
            of_requests: what :meth:`of_requests` gave.
            found: one value a row for every other column.

        Raises:
            KeyError: a column is in neither.
        """
        return [of_requests[name] if name in of_requests else encode(found[name]) for name, encode in self._encoders]


def _array(column: Column, number: int) -> str:
    # Arrays of arrays cannot be ragged: rows' arrays travel as text.
    if not column.as_text:
        return f"${number}::{column.sql_type}[]"
    return f"${number}::text::{'text' if column.is_array else column.sql_type}[]"


class ColumnChange:
    """The lists of the statements that change a row, and their parameters; a null stands for no change.

    Args:
        columns: all of the table.
        first: the number of the first parameter.
    """

    def __init__(self, columns: Iterable[Column], *, first: int) -> None:
        remaining = [column for column in columns if column.inherited or column.updatable]
        self.columns = tuple(column for column in remaining if column.updatable)
        places = {column.name: column.parameter(number) for number, column in enumerate(self.columns, first)}
        #: ``{columns}`` that a correction takes over from alias ``m``, or has new (``{values}``).
        self.corrected = {
            "columns": lines(column.name for column in remaining),
            "values": lines(
                f"coalesce({places[c.name]}, m.{c.name})" if c.updatable else f"m.{c.name}" for c in remaining
            ),
        }
        #: ``{assignments}`` of what is changed in place.
        self.in_place = {
            "assignments": lines(f"{name} = coalesce({parameter}, {name})" for name, parameter in places.items())
        }

    def arguments(self, request: Any) -> list[Any]:
        """Return the parameters of a request that has a field, or None, for each updatable column."""
        return [column.encode(getattr(request, column.name)) for column in self.columns]

    @property
    def happened(self) -> str:
        """The predicate (aliases ``OLD``, ``NEW``) that one of them was changed."""
        return lines((f"OLD.{c.name} IS DISTINCT FROM NEW.{c.name}" for c in self.columns), between=" OR ")


def lines(words: Iterable[str], *, between: str = ", ", width: int = 110) -> str:
    """Return a list as it stands in a statement: in lines that a reader of the server's log can take in."""
    found, line = [], ""
    for word in words:
        if line and len(line) + len(word) > width:
            found.append(line.rstrip())
            line = ""
        line += word + between
    return "\n  ".join([*found, line.removesuffix(between)])


def require_same(what: str, given: Collection[str], described: Iterable[str], besides: Collection[str] = ()) -> None:
    """Hold a schema or a model to the table of columns; called when that is imported.

    Args:
        what: the name of the schema or model, for the message.
        given: its fields or columns.
        described: what the table of columns says it has.
        besides: what it has apart from that.

    Raises:
        LookupError: a name stands in one of them only.
    """
    odd = set(given) ^ {*described, *besides}
    if odd:
        raise LookupError(f"{what} and the table of columns differ in {', '.join(sorted(odd))}")
