"""From an error's kind to a status and a document of problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from mnemon.core.errors import Invalid, MnemonError

#: Status of each kind of error.
STATUSES: dict[str, int] = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "unavailable": 503,
}
#: Codes whose status is another than that of their kind.
_OF_CODE: dict[str, int] = {
    "invalid.media_type": 415,
    "invalid.too_large": 413,
    "invalid.too_slow": 408,
    "invalid.idempotency_key_reused": 422,
    "invalid.too_many": 429,
    "invalid.method": 405,
    "conflict.precondition": 412,
}
UNEXPECTED = 500
MEDIA_TYPE = "application/problem+json"
#: What may be told of something outside that is away; the rest may name hosts, which are nobody's business.
_AWAY = "Something that this needs cannot be reached now."
_SAFE = ("unavailable.secret_key", "unavailable.busy", "unavailable.embedder", "unavailable.time_limit")


class TooMany(Invalid):
    """More calls came than may.

    Attributes:
        seconds: after how many to come again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "There were too many calls.",
            code="invalid.too_many",
            hint=f"Come again in {seconds} s.",
            retry_after=seconds,
        )
        self.seconds = seconds


def status_of(error: Exception) -> int:
    """Return the status that an error is answered with."""
    if not isinstance(error, MnemonError):
        return UNEXPECTED
    return _OF_CODE.get(error.code, STATUSES.get(error.kind, UNEXPECTED))


def document(error: Exception, request_id: str) -> dict[str, Any]:
    """Return an error as problem details: never a stack, a statement or an address of the database."""
    status = status_of(error)
    if not isinstance(error, MnemonError):
        return {
            "type": "about:blank",
            "title": HTTPStatus(UNEXPECTED).phrase,
            "status": UNEXPECTED,
            "detail": "Something unexpected happened; it was noted under this request's id.",
            "code": "unexpected",
            "request_id": request_id,
        }
    is_shown = error.kind != "unavailable" or error.code.startswith(_SAFE)
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message if is_shown else _AWAY,
        "code": error.code,
        "request_id": request_id,
    }
    if error.hint and is_shown:
        problem["hint"] = error.hint
    if is_shown:
        problem |= {name: value for name, value in error.data.items() if name not in problem}
    return problem


def response(error: Exception, request_id: str) -> Response:
    """Return the answer that an error is."""
    status = status_of(error)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="mnemon"'
    elif status == 503:
        headers["Retry-After"] = "2"
    elif isinstance(error, TooMany):
        headers["Retry-After"] = str(error.seconds)
    elif status == 405 and isinstance(error, MnemonError):
        headers["Allow"] = ", ".join(error.data.get("allowed", ()))
    content = to_json(document(error, request_id), fallback=str, inf_nan_mode="null")
    return Response(content, status, headers, MEDIA_TYPE)
