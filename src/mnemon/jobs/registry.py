"""Which function does which kind of job."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnemon.core.backoff import Backoff
from mnemon.core.errors import Invalid

if TYPE_CHECKING:
    from mnemon.jobs.run import Run

Work = Callable[["Run"], Awaitable[Any]]

_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")


@dataclass(frozen=True, slots=True)
class Handler:
    """A function and how its attempts are made.

    Attributes:
        work: called with the :class:`~mnemon.jobs.run.Run`; what it returns is the job's result.
        timeout: seconds after which an attempt is stopped and counts as failed; None for no limit.
        backoff: how long to wait before another attempt.
    """

    work: Work
    timeout: float | None
    backoff: Backoff


class Registry:
    """The handlers of a worker. A kind that no worker knows stays in the queue until one does."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def handler(
        self, kind: str, *, timeout: float | None = None, base_delay: float = 2.0, longest_delay: float = 3600.0
    ) -> Callable[[Work], Work]:
        """Decorate the function that does jobs of this kind.

        Raises:
            Invalid: not a kind, or it has a handler already.
        """
        if len(kind) > 100 or not _KIND.fullmatch(kind):
            raise Invalid(f"{kind!r} is no kind: words, dots between them.", code="invalid.kind", field="kind")
        if kind in self._handlers:
            raise Invalid(f"{kind} has a handler already.", code="invalid.handler", field="kind")

        def register(work: Work) -> Work:
            self._handlers[kind] = Handler(work, timeout, Backoff(base_delay, longest_delay, jitter=0.5))
            return work

        return register

    def include(self, other: Registry) -> None:
        """Add the handlers of another registry; a kind that is in both is the other's from now on."""
        self._handlers |= other._handlers

    def __getitem__(self, kind: str) -> Handler:
        return self._handlers[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._handlers))

    def __len__(self) -> int:
        return len(self._handlers)
