"""What a request for a change gives."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from mnemon.core.errors import Invalid

#: Fields that say which row is meant and not what it becomes.
KEYS = frozenset({"id", "expected_version"})


def changes(request: BaseModel, *, keys: frozenset[str] = KEYS, empties: bool = False) -> dict[str, Any]:
    """Give the fields of a request that were given a value, by name; a tuple as a list, as columns take it.

    Args:
        request: the request for a change.
        keys: fields that name the row.
        empties: None empties a field; otherwise it counts as not given.
    """
    values = {}
    for name in sorted(request.model_fields_set - keys):
        value = getattr(request, name)
        if value is not None or empties:
            values[name] = list(value) if isinstance(value, tuple) else value
    return values


def some_changes(request: BaseModel, *, keys: frozenset[str] = KEYS) -> dict[str, Any]:
    """Give the fields of a request that have a value, at least one.

    Raises:
        Invalid: it changes nothing.
    """
    found = changes(request, keys=keys)
    if not found:
        raise Invalid("This changes nothing: give at least one field.", code="invalid.no_change")
    return found
