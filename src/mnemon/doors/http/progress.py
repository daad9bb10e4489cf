"""The progress of a job as a stream of events (SSE)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mnemon.core.errors import MnemonError, NotFound
from mnemon.doors.http import deps, errors
from mnemon.doors.http.serving import Serving, is_stopping
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import Job

#: Seconds between two looks, and after which something is told though nothing has changed.
LOOKS = 0.5
QUIET = 15.0
#: Seconds that a stream lasts at most; whoever wants more asks again.
LONGEST = 3600.0
_ENDED = frozenset({"succeeded", "cancelled", "dead"})


class Progress:
    """Answers ``GET /v1/jobs/{job_id}/events``.

    Args:
        serving: what the calls share.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def answer(self, request: Request) -> Response:
        """Send the job each time it has changed, until it has ended."""
        try:
            caller = await deps.caller_of(request, self._serving)
            request.state.caller = caller
            job_id = _id_of(request)
            job = await jobs.get_job(caller.ctx, job_id)
        except MnemonError as error:
            return errors.response(error, request.state.request_id)
        stream = self._events(request, caller, job)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def _events(self, request: Request, caller: deps.Caller, job: Job) -> AsyncIterator[bytes]:
        began, last_word = time.monotonic(), time.monotonic()
        before: bytes | None = None
        while not is_stopping() and time.monotonic() - began < LONGEST:
            content = to_json(job)
            if content != before:
                before, last_word = content, time.monotonic()
                yield b"event: job\ndata: " + content + b"\n\n"
            elif time.monotonic() - last_word > QUIET:
                last_word = time.monotonic()
                yield b": still there\n\n"
            if job.status.value in _ENDED or await request.is_disconnected():
                return
            await asyncio.sleep(LOOKS)
            try:  # whoever may not look any more, as one whose key has ended, sees no more
                caller = await deps.caller_of(request, self._serving)
                job = await jobs.get_job(caller.ctx, job.id)
            except MnemonError:
                return


def _id_of(request: Request) -> UUID:
    try:
        return UUID(request.path_params["job_id"])
    except ValueError:
        raise NotFound("There is no such job.", code="not_found.job", field="job_id") from None
