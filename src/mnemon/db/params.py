"""Parameters of a statement that is put together from predicates of ours."""

from __future__ import annotations

from typing import Any


class Params:
    """Collects values and hands out their places: a value never becomes SQL text."""

    def __init__(self, *values: Any) -> None:
        self.values: list[Any] = list(values)

    def add(self, value: Any, kind: str = "") -> str:
        """Return the place of a value, ``$n`` or ``$n::kind``."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}" if kind else f"${len(self.values)}"
