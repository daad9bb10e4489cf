"""What the product sends for a question, recorded on its own connections and sent again by bare asyncpg."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from bench.measure import Timing
from mnemon.app import App


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement with its parameters."""

    query: str
    args: tuple[Any, ...]


_recording: ContextVar[list[Sent] | None] = ContextVar("recording", default=None)


def _note(record: Any) -> None:
    """asyncpg calls this in the context of the task that sent the statement: each task has its own list."""
    sent = _recording.get()
    if sent is not None:
        sent.append(Sent(record.query, tuple(record.args or ())))


def _note_session(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
    """SQLAlchemy calls this for what its sessions send: prepared statements, which asyncpg reports to nobody."""
    sent = _recording.get()
    if sent is not None:
        sent.append(Sent(statement, tuple(parameters or ())))


@contextmanager
def listening(app: App) -> Iterator[None]:
    """Let every connection of the product report its statements while the block runs.

    Reporting takes time: what is timed is timed outside of it.
    """
    heard: list[Any] = []
    engine = app.database.engine.sync_engine

    def checkout(dbapi_connection: Any, _record: object, _proxy: object) -> None:
        driver = dbapi_connection.driver_connection
        if driver not in heard:
            driver.add_query_logger(_note)
            heard.append(driver)

    event.listen(engine, "checkout", checkout)
    event.listen(engine, "before_cursor_execute", _note_session)
    try:
        yield
    finally:
        event.remove(engine, "checkout", checkout)
        event.remove(engine, "before_cursor_execute", _note_session)
        for driver in heard:
            if not driver.is_closed():
                driver.remove_query_logger(_note)


async def record(call: Callable[[], Awaitable[Any]]) -> tuple[Any, list[Sent]]:
    """The answer of a call, and what it sent, transactions included; inside :func:`listening`."""
    sent: list[Sent] = []
    token = _recording.set(sent)
    try:
        answer = await call()
        await asyncio.sleep(0)  # the loggers run with the loop's next turn
    finally:
        _recording.reset(token)
    return answer, _in_order(sent)


def _in_order(sent: list[Sent]) -> list[Sent]:
    """A session's BEGIN is reported a moment after its first statement: put it, and the COMMIT, where they belong."""
    inside = [one for one in sent if one.args or not one.query.startswith(("BEGIN", "COMMIT"))]
    if len(inside) == len(sent) or sent[0].query.startswith("BEGIN") or not inside:
        return sent
    if sum(one.query.startswith("BEGIN") for one in sent) > 1 or "set_tenant" not in sent[0].query:
        return sent  # more than one transaction, or statements outside of any
    return [Sent("BEGIN;", ()), *inside, Sent("COMMIT;", ())]


async def send(connection: Any, sent: Sequence[Sent]) -> None:
    """The same statements again, transactions included."""
    for one in sent:
        if one.args:
            await connection.fetch(one.query, *one.args)
        else:
            await connection.execute(one.query)


@dataclass(slots=True)
class Pair:
    """Times of the product and of the bare statements, question by question."""

    product: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median time of the product over that of its bare statements."""
        return Timing.of(self.product).median / Timing.of(self.bare).median

    def as_numbers(self) -> dict[str, float]:
        """Medians, 95th percentiles in milliseconds, and the ratio."""
        product, bare = Timing.of(self.product), Timing.of(self.bare)
        return {
            "product_ms": product.median,
            "product_p95_ms": product.p95,
            "bare_ms": bare.median,
            "bare_p95_ms": bare.p95,
            "ratio": self.ratio,
        }


async def beside(
    calls: Sequence[Callable[[], Awaitable[Any]]], sent: Sequence[Sequence[Sent]], connection: Any, *, rounds: int = 3
) -> Pair:
    """Time each call and its bare statements by turns, the one first and then the other first."""
    pair = Pair()
    for turn in range(rounds + 1):
        for n, (call, statements) in enumerate(zip(calls, sent, strict=True)):
            times = {}
            for who in ("product", "bare") if (n + turn) % 2 else ("bare", "product"):
                began = time.perf_counter()
                await (call() if who == "product" else send(connection, statements))
                times[who] = time.perf_counter() - began
            if turn:  # the first round warms caches up
                pair.product.append(times["product"])
                pair.bare.append(times["bare"])
    return pair
