"""From an error's kind to an exit code and one or two lines on standard error."""

from __future__ import annotations

import json
import sys
import traceback

from mnemon.core.errors import MnemonError
from mnemon.doors.cli.state import state

EXIT_CODES: dict[str, int] = {
    "invalid": 2,
    "not_found": 3,
    "conflict": 4,
    "forbidden": 5,
    "unauthenticated": 6,
    "unavailable": 7,
}
"""Exit code of each kind of error."""
UNEXPECTED = 70
INTERRUPTED = 130


class Stopped(Exception):  # noqa: N818 - an interrupt, told in words
    """Ctrl-C, after which there is something to say."""


def report(error: Exception) -> int:
    """Say what went wrong, and the exit code for it."""
    if state.debug:
        traceback.print_exception(error)
    if isinstance(error, MnemonError):
        _say(error.as_dict())
        return EXIT_CODES.get(error.kind, UNEXPECTED)
    if type(error).__name__ == "Abort":  # Ctrl-C or Ctrl-D at a question
        return interrupted()
    format_message = getattr(error, "format_message", None)
    if format_message is not None:  # Typer's own: what was written on the command line makes no sense
        return _usage(error, str(format_message()))
    _say(
        {
            "kind": "unexpected",
            "code": "unexpected",
            "message": f"Something unexpected happened: {type(error).__name__}.",
            # Its text may hold anything, so it is shown to those alone who ask for it.
            "hint": "Run it again with --debug to see where, and please report it.",
            "data": {},
        }
    )
    return UNEXPECTED


def interrupted(message: str = "Interrupted.") -> int:
    """Say that Ctrl-C was understood."""
    if state.json:
        _say({"kind": "interrupted", "code": "interrupted", "message": message, "hint": None, "data": {}})
    else:
        sys.stderr.write(f"\n{message}\n")
    return INTERRUPTED


def _usage(error: Exception, message: str) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # the help has been shown, by Typer or as this message
        sys.stdout.write(message)
        return EXIT_CODES["invalid"]
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "mnemon"
    hint = f"See: {path} --help"
    _say({"kind": "invalid", "code": "invalid.usage", "message": message, "hint": hint, "data": {}})
    return EXIT_CODES["invalid"]


def _say(error: dict[str, object]) -> None:
    if state.json:
        sys.stderr.write(json.dumps({"error": error}, ensure_ascii=False, default=str) + "\n")
        return
    from rich.text import Text

    from mnemon.doors.cli.output import clean, errors_console

    console = errors_console()
    console.print(Text.assemble(("error: ", "bold red"), clean(str(error["message"]))), soft_wrap=True)
    if error["hint"]:
        console.print(Text(clean(str(error["hint"])), style="dim"), soft_wrap=True)
