"""What is known, bounded and not closed: each with its reason, counted apart and tried like everything else.

An entry that nothing meets any more fails the test: the list says what is, not what was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """Tries whose names match may come to this.

    Attributes:
        name: a pattern of the whole name of a try.
        allows: ``done`` (it is not refused), ``ids`` (ids of B show, no words), ``differs`` (the answer tells whether
            something exists).
        reason: why that is bounded.
    """

    name: str
    allows: str
    reason: str

    def matches(self, name: str, what: str) -> bool:
        return self.allows == what and re.fullmatch(self.name, name) is not None


KNOWN: tuple[Known, ...] = (
    Known(
        r"lock/.*",
        "done",
        "PostgreSQL gives LOCK TABLE with UPDATE, DELETE or TRUNCATE, and it cannot be taken away alone. It tells "
        "nothing and ends with its transaction, which ends with the limits of the role (docs/security.md).",
    ),
)


def known(name: str, what: str) -> Known | None:
    """The entry that a try comes under, None if there is none."""
    return next((entry for entry in KNOWN if entry.matches(name, what)), None)
