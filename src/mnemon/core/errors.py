"""Errors of one kind each, with a stable code and data that a caller can act on.

A domain subclasses these; :mod:`mnemon.db.errors` maps what PostgreSQL says to them; each door has one table from
kind to status or exit code. No message carries a password, a token or a whole connection URL.
"""

from __future__ import annotations

from typing import Any, ClassVar


class MnemonError(Exception):
    """The root of every error that Mnemon raises on purpose.

    Attributes:
        code: stable, dotted, machine readable (``invalid.content_too_long``); never translated, never reused.
        message: one sentence for a person.
        hint: what to do about it, or None.
        data: details for a program (field names, limits, versions); JSON-serialisable.
    """

    kind: ClassVar[str] = "error"
    default_code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        **data: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.data: dict[str, Any] = data

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def as_dict(self) -> dict[str, Any]:
        """Return the error as JSON for a door: kind, code, message, hint, data."""
        return {
            "kind": self.kind,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "data": self.data,
        }


class NotFound(MnemonError):  # noqa: N818 - the field's names for these kinds carry no suffix
    """What was named does not exist, or is not this organisation's to see: the two look the same."""

    kind = "not_found"
    default_code = "not_found"


class Conflict(MnemonError):  # noqa: N818
    """Another change came first, or the thing exists already."""

    kind = "conflict"
    default_code = "conflict"


class Invalid(MnemonError):  # noqa: N818
    """The input breaks a rule; ``data["field"]`` names the field where there is one."""

    kind = "invalid"
    default_code = "invalid"


class Forbidden(MnemonError):  # noqa: N818
    """The principal is known and may not do this."""

    kind = "forbidden"
    default_code = "forbidden"


class Unauthenticated(MnemonError):  # noqa: N818
    """The principal is not known."""

    kind = "unauthenticated"
    default_code = "unauthenticated"


class Unavailable(MnemonError):  # noqa: N818
    """Something outside is down, slow or missing (database, provider, extension); trying again may help."""

    kind = "unavailable"
    default_code = "unavailable"
