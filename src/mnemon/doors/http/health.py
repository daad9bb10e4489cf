"""Whether the process lives, whether it can serve, and what it has measured."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from mnemon.core.errors import Forbidden, MnemonError
from mnemon.doors.http import deps, errors
from mnemon.doors.http.measures import Measures
from mnemon.doors.http.serving import Serving, is_stopping

_SECONDS = 3.0


class Health:
    """Answers what a supervisor and a collector of measurements ask.

    Args:
        serving: what the calls share.
        measures: what was measured.
    """

    def __init__(self, serving: Serving, measures: Measures) -> None:
        self._serving = serving
        self._measures = measures

    async def lives(self, _request: Request) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    async def is_ready(self, request: Request) -> Response:
        """Say whether calls can be served: the database is there, and nobody has told it to stop."""
        try:
            async with asyncio.timeout(_SECONDS):
                await self._serving.app.database.position()
        except (MnemonError, TimeoutError):
            return JSONResponse({"status": "unavailable", "database": False}, 503)
        if is_stopping():
            return JSONResponse({"status": "stopping"}, 503)
        return JSONResponse({"status": "ok", "database": True})

    async def measured(self, request: Request) -> Response:
        """Give what was measured, as Prometheus reads it; to this machine, unless it was opened."""
        if not self._serving.options.open_metrics and not deps.is_near(request):
            refused = Forbidden("The measurements are for this machine alone.", code="forbidden.metrics")
            return errors.response(refused, request.state.request_id)
        return PlainTextResponse(self._measures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
