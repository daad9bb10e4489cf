"""What is wrong with an export, or with importing it here."""

from __future__ import annotations

from typing import Any

from mnemon.core.errors import Invalid


def damaged(message: str, code: str = "invalid.export_damaged", **data: Any) -> Invalid:
    """Return the files are not what was exported."""
    return Invalid(
        message,
        code=code,
        hint="Nothing was imported. Copy the export again from where it was made, or export again.",
        **data,
    )
