"""Sees calls begin and end: counts them, and notes those of who is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import Request

from mnemon.core.errors import MnemonError
from mnemon.core.principal import Principal
from mnemon.doors import routes
from mnemon.doors.http.deps import Caller
from mnemon.doors.http.endpoint import PREFIX
from mnemon.doors.http.errors import status_of
from mnemon.doors.http.measures import Measures
from mnemon.doors.http.noting import Notes
from mnemon.doors.http.serving import Serving
from mnemon.doors.routes.table import Route
from mnemon.operations.schemas import RequestReport

#: What stands for paths that are no verb's: a bounded number of names.
_OTHER = "other"


class Watching:
    """Counts calls for Prometheus, and notes them for their organisation (REQ-T136, REQ-T137).

    Args:
        serving: what the calls share.
        measures: what is counted.
        notes: what is written down.
    """

    def __init__(self, serving: Serving, measures: Measures, notes: Notes) -> None:
        self._serving = serving
        self._measures = measures
        self._notes = notes

    def begin(self) -> None:
        """See a call begin."""
        self._measures.begin()

    def end(self, request: Request, status: int, sent: int, seconds: float) -> None:
        """See a call end."""
        state = request.scope["state"]
        route, caller, error = state.get("route"), state.get("caller"), state.get("error")
        name = _name_of(request, route)
        self._measures.end(request.method, name, status, seconds)
        if isinstance(caller, Caller):
            self._notes.call(caller.ctx.principal, _report(request, caller, name, status, sent, seconds, error))
        if isinstance(error, Exception) and status_of(error) >= 500:
            self._notes.error(self._whose(caller), error, state["request_id"], name)

    def _whose(self, caller: Caller | None) -> Principal:
        """Return whose an error is: of who called, else of the organisation that the process serves."""
        return caller.ctx.principal if caller is not None else self._serving.app.context.principal


def _name_of(request: Request, route: Route | None) -> str:
    """Return a call's route as it is published, never its path."""
    if route is not None:
        return PREFIX + routes.published()[route.verb]
    template = getattr(request.scope.get("route"), "path", None)
    return template if isinstance(template, str) and "{rest" not in template else _OTHER


def _report(
    request: Request, caller: Caller, name: str, status: int, sent: int, seconds: float, error: object
) -> RequestReport:
    length = request.headers.get("content-length", "")
    return RequestReport.model_construct(  # of what this process saw itself, within the schema's bounds
        metadata={},
        method=request.method,
        route=name,
        status_code=status,
        duration_ms=seconds * 1000,
        request_bytes=int(length) if length.isdecimal() and len(length) < 19 else None,
        response_bytes=sent,
        api_key_id=caller.known.api_key_id if caller.known is not None else None,
        ip_address=_address(request),
        user_agent=_readable(request.headers.get("user-agent")),
        request_id=request.scope["state"]["request_id"],
        error_code=error.code[:100] if isinstance(error, MnemonError) else None,
        timestamp=datetime.now(UTC) - timedelta(seconds=seconds),
    )


def _address(request: Request) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(request.client.host) if request.client is not None else None
    except ValueError:
        return None


def _readable(text: str | None) -> str | None:
    return text[:1000].replace("\x00", "") if text is not None else None
