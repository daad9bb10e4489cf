"""What a record holds beside what was taken out of it: kept as metadata, so that nothing is lost without a word."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

_REPEATED = 16  # characters from which on a text that is in what was said already is not kept again
_DEPTH = 12
_BUDGET = 20_000_000  # characters that are looked through for repetitions in one record
_MOST = 100_000  # characters of what is kept of one record
_BARE = {"type", "kind", "content_type"}

TOO_MUCH = "details of a record beyond 100,000 characters"
"""Why a part of what a record holds is left out."""


class Kept:
    """What is left of one record."""

    def __init__(self, said: str = "") -> None:
        self._said = said
        self._budget = _BUDGET
        self._size = 0
        self.dropped = 0

    def rest(self, record: Mapping[str, Any], taken: Collection[str] = ()) -> dict[str, Any]:
        """Return a record without the keys that were taken, without what is empty and what was said already."""
        kept = {
            key: value
            for key, inner in record.items()
            if key not in taken and (value := self._pruned(inner, 1)) is not None
        }
        return {} if kept.keys() <= _BARE else kept

    def _pruned(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict | list) and depth > _DEPTH:
            value = json.dumps(value, ensure_ascii=False, default=str)
        if isinstance(value, dict):
            pairs = {key: kept for key, inner in value.items() if (kept := self._pruned(inner, depth + 1)) is not None}
            return None if pairs.keys() <= _BARE else pairs
        if isinstance(value, list):
            return [kept for inner in value if (kept := self._pruned(inner, depth + 1)) is not None] or None
        return self._leaf(value)

    def _leaf(self, value: Any) -> Any:
        if value is None or value is False:
            return None
        if not isinstance(value, str):
            self._size += 8
            return value
        if not value.strip() or self._repeats(value):
            return None
        self._size += len(value)
        if self._size > _MOST:
            self.dropped += 1
            return None
        return value

    def _repeats(self, value: str) -> bool:
        if len(value) < _REPEATED or self._budget <= 0:
            return False
        self._budget -= len(self._said)
        return value.strip() in self._said
