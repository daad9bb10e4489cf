"""What the doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        level: ``ok``; ``note``: it works, and could be better; ``wrong``: something must be done.
        found: what was found.
        do: what to do about it.
    """

    what: str
    level: Level
    found: str
    do: str | None = None
