"""Notes each call and each unexpected error: in memory at first, and in the database a moment later."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from mnemon.core.errors import MnemonError
from mnemon.core.principal import Principal
from mnemon.doors.http.measures import Measures
from mnemon.doors.http.serving import Serving
from mnemon.operations import service as operations
from mnemon.operations.schemas import ErrorReport, Noted, RequestReport

logger = logging.getLogger(__name__)

#: Rows that wait at most; the oldest are left out.
HELD = 20_000
#: Rows of one transaction, and seconds between two.
BATCH = 500
SECONDS = 1.0


class Notes:
    """Keeps what was noted, and writes it in batches of one organisation.

    What waits when the process is killed is lost: at most a second of calls. A clean stop loses none.

    Args:
        serving: what the calls share.
        measures: where it says what it left out.
    """

    def __init__(self, serving: Serving, measures: Measures) -> None:
        self._serving = serving
        self._measures = measures
        self._waiting: deque[tuple[UUID, Noted]] = deque()
        self._wake = asyncio.Event()
        self._closing = False

    def call(self, principal: Principal, report: RequestReport) -> None:
        """Note a call of somebody who is known."""
        self._keep(principal, report)

    def error(self, principal: Principal, error: Exception, request_id: str, route: str) -> None:
        """Note an error that nobody expected: where it happened, without what it happened to."""
        frames = "".join(traceback.format_tb(error.__traceback__))[-100_000:]
        kind = error.kind if isinstance(error, MnemonError) else "unexpected"
        report = ErrorReport(
            kind=kind,
            code=error.code if isinstance(error, MnemonError) else "unexpected",
            message=type(error).__name__,
            stack_trace=frames.replace("\x00", ""),
            component=f"http {route}"[:100],
            request_id=request_id,
            timestamp=datetime.now(UTC),
        )
        self._keep(principal, report)

    def _keep(self, principal: Principal, report: RequestReport | ErrorReport) -> None:
        if len(self._waiting) >= HELD:
            self._waiting.popleft()
            self._measures.drop(1)
        self._waiting.append((principal.organization_id, Noted(report, principal.user_id, principal.agent_id)))
        if len(self._waiting) >= BATCH:
            self._wake.set()

    @contextlib.asynccontextmanager
    async def written(self) -> AsyncIterator[None]:
        """Write what waits, again and again, for the length of the block; then what is left."""
        task = asyncio.create_task(self._run(), name="mnemon-http-notes")
        try:
            yield
        finally:
            self._closing = True
            self._wake.set()
            await task
            await self._write()

    async def _run(self) -> None:
        while not self._closing:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), SECONDS)
            self._wake.clear()
            await self._write()

    async def _write(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            by_organization: dict[UUID, list[Noted]] = defaultdict(list)
            for organization, noted in taken:
                by_organization[organization].append(noted)
            for organization, those in by_organization.items():
                await self._write_of(organization, those)

    async def _write_of(self, organization: UUID, those: Sequence[Noted]) -> None:
        """Write what belongs to one organisation; one by one where the database refuses one of them."""
        ctx = self._serving.app.context.as_principal(Principal(organization))
        try:
            await operations.write_notes(ctx, those)
        except MnemonError as error:
            if error.kind in {"unavailable", "forbidden"} or len(those) == 1:
                self._measures.drop(len(those))
                logger.warning("calls_not_noted: count=%d, code=%s", len(those), error.code)
                return
            for noted in those:
                await self._write_of(organization, [noted])
        except Exception:  # the next ones are written all the same
            self._measures.drop(len(those))
            logger.exception("calls_not_noted: count=%d", len(those))
