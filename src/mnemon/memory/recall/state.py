"""What a copy of a scope is measured by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class State:
    """What the database is like as a question is asked.

    Attributes:
        server: when the server that answers was started, which tells it from others.
        now: its clock, in seconds since 1970.
        changed: whether rows have changed since a version.
        moved: whether it has changed since then who sees a conversation.
        mark: what else the principal's view depends on.
    """

    server: str
    now: float
    changed: bool
    moved: bool
    mark: str

    @property
    def erased(self) -> str:
        """How often something was erased: the first word of the mark."""
        return self.mark.split(" ", 1)[0]
