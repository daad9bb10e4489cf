"""Rows of the driver's own connection, which gives JSON as text."""

from __future__ import annotations

import json
from typing import Any


def parsed(row: Any, *documents: str) -> dict[str, Any]:
    """A row as a dictionary, with the JSON of these columns read."""
    values = dict(row)
    for name in documents:
        values[name] = json.loads(values[name])
    return values
