"""Rows of the database as schemas, and the error for a row that is not there."""

from __future__ import annotations

import json
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from mnemon.core.errors import NotFound

S = TypeVar("S", bound=BaseModel)


def from_row(schema: type[S], row: Any, *documents: str, **given: Any) -> S:
    """Make an answer of a row: of the ORM's, of the driver's or of a dictionary.

    Args:
        schema: the answer's schema.
        row: has a column (or an attribute) for each field that is not given.
        documents: columns of JSON, which the driver's own connection gives as text.
        given: fields that the row has not, or has otherwise.
    """
    if hasattr(row, "keys"):
        return schema.model_validate({**parsed(row, *documents), **given})
    if given:
        return schema.model_validate({name: getattr(row, name) for name in schema.model_fields.keys() - given} | given)
    return schema.model_validate(row, from_attributes=True)


def parsed(row: Any, *documents: str) -> dict[str, Any]:
    """Give a row of the driver's as a dictionary, with the JSON of these columns read."""
    values = dict(row)
    for name in documents:
        if isinstance(values[name], str):
            values[name] = json.loads(values[name])
    return values


def missing(what: str, row_id: UUID, *, called: str | None = None, field: str | None = None) -> NotFound:
    """Give the error for a row that is not there: unknown, deleted and somebody else's look the same.

    Args:
        what: the kind of row, as the error's code has it: ``not_found.<what>``.
        row_id: the id that was asked for.
        called: what a person calls it, where that is another word.
        field: the field of the request that named it.
    """
    data = {"id": str(row_id)} if field is None else {"field": field, "id": str(row_id)}
    return NotFound(f"There is no {called or what.replace('_', ' ')} {row_id}.", code=f"not_found.{what}", **data)
