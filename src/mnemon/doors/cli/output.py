"""Where output goes and what it may hold: tables for people, JSON for programs, nothing that steers a terminal."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mnemon.doors.cli.state import state

if TYPE_CHECKING:
    from rich.console import Console

#: Width of what is written into a file or a pipe.
_PIPE_WIDTH = 100
_FALLBACK = "mnemon-nearest"
#: What stands for a character that the terminal's encoding does not have.
_NEAREST = {
    "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "", "▍": "", "▎": "", "▏": "",
    "─": "-", "━": "-", "│": "|", "╸": "-", "╺": "-", "·": "-", "…": "...", "–": "-", "—": "-",
    "“": '"', "”": '"', "‘": "'", "’": "'", "›": ">", "✓": "ok", "✗": "x", "→": "->", "⠋": "*",
}  # fmt: skip
_PARTS = "▏▎▍▌▋▊▉"


def register_fallback() -> str:
    """Make the error handler for encodings that lack characters known; its name."""
    codecs.register_error(_FALLBACK, _nearest)
    return _FALLBACK


def _nearest(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_NEAREST.get(one, "?") for one in error.object[error.start : error.end]), error.end


def console() -> Console:
    """Return standard output; colours and widths as the terminal and NO_COLOR say."""
    return _console(stderr=False)


def errors_console() -> Console:
    """Return standard error: errors, progress and what is no data."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, emoji=False, markup=False)
    if not made.is_terminal:
        made.width = _PIPE_WIDTH
    return made


def clean(text: str) -> str:
    """Make text of somebody else's unable to steer the terminal: control characters become spaces."""
    return "".join(one if one.isprintable() or one == "\n" else " " for one in text.expandtabs(4))


def one_line(text: str) -> str:
    """Return the text on one line."""
    return " ".join(clean(text).split())


def emit(data: Any) -> None:
    """Write one JSON document on a line of its own."""
    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    sys.stdout.write(json.dumps(jsonable(data), ensure_ascii=ascii_only) + "\n")


def jsonable(data: Any) -> Any:
    """Schemas, times, paths and ids as JSON values."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(data, fallback=str)


def say(text: str = "", style: str = "") -> None:
    """Write a line for people; nothing with --quiet, and nothing beside JSON."""
    if state.quiet or state.json:
        return
    from rich.text import Text

    console().print(Text(text, style=style), soft_wrap=True)


def bar(share: float, full: float, width: int = 10) -> str:
    """Return a bar of blocks, in eighths of a character; ``full`` is what fills the width."""
    if share <= 0 or full <= 0:
        return ""
    eighths = max(1, round(min(share / full, 1.0) * width * 8))
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_PARTS[part - 1] if part else "")


def is_terminal() -> bool:
    """Tell whether somebody sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal that something is going on."""
    if state.quiet or not sys.stderr.isatty():
        yield
        return
    with errors_console().status(what + " …", spinner="dots" if _unicode(sys.stderr) else "line"):
        yield


def _unicode(stream: Any) -> bool:
    return (getattr(stream, "encoding", None) or "").lower().startswith("utf")
