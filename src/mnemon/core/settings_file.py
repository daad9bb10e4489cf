"""The file of settings that a user names: who may have written it, and what it may not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from mnemon.core import trust
from mnemon.core.errors import Invalid

told: ContextVar[Mapping[str, str]] = ContextVar("what the named file says", default={})  # noqa: B039 - never changed

NEVER_FROM_A_FILE = frozenset(
    {"encryption_key_command", "backup_key_command", "backup_alert_command", "backup_programs", "audit_anchor_command"}
)
"""Settings that name what is run: only the environment and the caller say them."""


@contextmanager
def reading(path: Path | None) -> Iterator[None]:
    """Let settings read meanwhile what they find in a file that the user named.

    Raises:
        Invalid: it is not there, others could have written it, or it names what is to be run.
    """
    if path is None:
        yield
        return
    import io

    from dotenv import dotenv_values

    text = trust.read_own_file(path, "The settings file", "invalid.env_file")
    values = {name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}
    for name in values:
        plain = name.lower().removeprefix("mnemon_")
        if plain in NEVER_FROM_A_FILE:
            raise Invalid(
                f"{name} stands in {path}: what is to be run is not taken from a file.",
                code="invalid.env_file",
                hint=f"Set {name} in the environment instead.",
                field=plain,
                path=str(path),
            )
    mark = told.set(values)
    try:
        yield
    finally:
        told.reset(mark)
