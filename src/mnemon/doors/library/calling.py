"""What a memory's verbs go through: the database that this process has open, or a server over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from datetime import tzinfo
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from mnemon.context import Context
from mnemon.identity import service as identity

P = ParamSpec("P")
R = TypeVar("R")


class Transport(Protocol):
    """What calls verbs for a memory: with the same answers and the same errors, wherever they run."""

    async def call(
        self, verb: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a verb with what it takes after its context, and return its answer."""
        ...

    async def zones(self, people: Collection[str]) -> dict[str, tzinfo]:
        """Return the zones of those of the people who have one."""
        ...


class Local:
    """Calls verbs in this process.

    Args:
        ctx: on whose behalf, and with what.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def call(
        self, verb: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a verb with what it takes after its context, and return its answer."""
        return await verb(self._ctx, *args, **kwargs)

    async def zones(self, people: Collection[str]) -> dict[str, tzinfo]:
        """Return the zones of those of the people who have one; they are remembered for a while."""
        return await identity.zones(self._ctx, people)
