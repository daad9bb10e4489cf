"""How long to wait before trying again: longer after each attempt that failed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

#: Attempts from which on a delay grows no further: no number overflows.
_MOST = 60


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that grow from attempt to attempt.

    Attributes:
        first: seconds after the first attempt that failed.
        longest: seconds that a delay grows to.
        factor: how much longer each delay is than the one before.
        jitter: how much of a delay is left to chance, 0 to 1, so that many who failed together do not return
            together: 0 none, 0.5 the later half, 1 all of it.
    """

    first: float
    longest: float
    factor: float = 2.0
    jitter: float = 0.0

    def after(self, attempt: int) -> float:
        """Give the seconds to wait after so many attempts that failed, 1 or more."""
        delay = min(self.longest, self.first * self.factor ** (min(max(attempt, 1), _MOST) - 1))
        return delay * (1 - self.jitter * random.random())

    def delays(self) -> Iterator[float]:
        """Give the delays one after the other, without end."""
        attempt = 0
        while True:
            attempt += 1
            yield self.after(attempt)
