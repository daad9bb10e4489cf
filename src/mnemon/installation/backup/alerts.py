"""Who is told when a backup fails: the error log, a record for the doctor, a program, an address."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
from datetime import UTC, datetime
from typing import Any

from mnemon.context import Context
from mnemon.core import trust
from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.operations.schemas import ErrorLevel, ErrorReport
from mnemon.operations.service.logs import log_error

logger = logging.getLogger(__name__)

_SECONDS = 20.0
RECORD = "failure.json"


async def alert(settings: Settings, what: str, error: BaseException, ctx: Context | None = None) -> list[str]:
    """Tell everybody who is to be told that something failed; what could not be told, for the log.

    A failure of one way keeps none of the others from being tried.

    Args:
        settings: the program and the address.
        what: full, incremental, wal, verify, rehearse, prune or restore.
        error: why; no value of it is told but its message.
        ctx: for the error log, where the database answers.
    """
    is_ours = isinstance(error, MnemonError)
    failure: dict[str, Any] = {
        "event": "backup.failed",
        "what": what,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": error.code if is_ours else "unexpected",  # type: ignore[attr-defined]
        "message": error.message if is_ours else type(error).__name__,  # type: ignore[attr-defined]
        "hint": error.hint if is_ours else None,  # type: ignore[attr-defined]
    }
    text = json.dumps(failure)
    tries = [
        asyncio.to_thread(_record, settings, what, text),
        asyncio.to_thread(_run, settings, text),
        _post(settings, text),
    ]
    if ctx is not None:
        tries.append(_log(ctx, failure))
    results = await asyncio.gather(*tries, return_exceptions=True)
    missed = [str(result) or type(result).__name__ for result in results if isinstance(result, BaseException)]
    for channel in missed:
        logger.warning("a failed backup could not be told: %s", channel)
    return missed


async def settled(settings: Settings, what: str) -> None:
    """Note that what had failed has succeeded since."""
    await asyncio.to_thread(_forget, settings, what)


def failures(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the last failure of each kind of work that has not succeeded since."""
    if settings.backup_dir is None:
        return {}
    try:
        found = json.loads((settings.backup_dir.expanduser() / "records" / RECORD).read_bytes())
        return {str(name): dict(told) for name, told in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _record(settings: Settings, what: str, text: str) -> None:
    """Write the failure down in plain, because a key that is missing is one of the failures."""
    if settings.backup_dir is not None:
        _put(settings, failures(settings) | {what: json.loads(text)})


def _forget(settings: Settings, what: str) -> None:
    found = failures(settings)
    if found.pop(what, None) is not None:
        _put(settings, found)


def _put(settings: Settings, found: dict[str, dict[str, Any]]) -> None:
    if settings.backup_dir is None:
        return
    place = settings.backup_dir.expanduser() / "records"
    if not place.is_dir():  # nothing of backups was ever there
        return
    draft = place / f".new-{RECORD}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(found, file)
    draft.replace(place / RECORD)


def _run(settings: Settings, text: str) -> None:
    if not settings.backup_alert_command:
        return
    try:
        subprocess.run(  # noqa: S603 - the operator's own program
            trust.command_words(settings.backup_alert_command, "MNEMON_BACKUP_ALERT_COMMAND"),
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
        )
    except (MnemonError, OSError, ValueError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"the program of MNEMON_BACKUP_ALERT_COMMAND failed ({type(error).__name__})") from None


async def _post(settings: Settings, text: str) -> None:
    if settings.backup_alert_url is None:
        return
    import httpx

    try:
        async with httpx.AsyncClient(timeout=_SECONDS) as client:
            answer = await client.post(
                settings.backup_alert_url.get_secret_value(),
                content=text.encode(),
                headers={"content-type": "application/json"},
            )
        refused = answer.is_error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        refused = True
    if refused:  # the address may hold a token: it is not repeated
        raise RuntimeError("the address of MNEMON_BACKUP_ALERT_URL did not take it")


async def _log(ctx: Context, told: dict[str, Any]) -> None:
    report = ErrorReport(
        kind="backup",
        code=told["code"],
        message=f"backup {told['what']}: {told['message']}"[:10_000],
        level=ErrorLevel.CRITICAL,
        component="backup",
    )
    await log_error(ctx, report)
