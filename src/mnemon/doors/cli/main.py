"""The entry point: options where one likes them, errors as exit codes, no tracebacks."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

#: Exit code of a program whose reader went away, as the shell reports one that SIGPIPE ended.
BROKEN_PIPE = 141

_VALUED = ("--organization", "--data-dir", "--env-file", "-o")
_FLAGS = ("--json", "--quiet", "-q", "--no-color", "--debug")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is also what is returned."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    code = _run(given)
    if arguments is None:
        sys.exit(code)
    return code


def _run(given: list[str]) -> int:
    if given in (["--version"], ["-V"]):
        return _version()
    from mnemon.doors.cli import errors
    from mnemon.doors.cli.application import application
    from mnemon.doors.cli.state import state

    front, others = _in_front(given)
    # Known before anything is read, so that a mistake on the command line is told in JSON as well.
    state.json = "--json" in front
    state.debug = "--debug" in front
    try:
        _tolerate_encodings()
        result = application()(args=front + others, prog_name="mnemon", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        # Rich and Typer make a SystemExit of a broken pipe, and nothing else here raises one. What is still buffered
        # would raise once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN_PIPE
    except errors.Stopped as stop:
        return errors.interrupted(str(stop))
    except KeyboardInterrupt:
        return errors.interrupted()
    except Exception as error:
        return errors.report(error)
    if result == errors.INTERRUPTED:  # what Typer makes of Ctrl-C
        return errors.interrupted()
    return result if isinstance(result, int) else 0


def _version() -> int:
    from mnemon._version import __version__

    sys.stdout.write(f"mnemon {__version__}\n")
    return 0


def _in_front(given: list[str]) -> tuple[list[str], list[str]]:
    """Separate the arguments for every command, which may be written anywhere, from the others."""
    front: list[str] = []
    others: list[str] = []
    left = iter(given)
    for argument in left:
        has_value = argument.startswith("--organization=")
        if argument == "--":
            others += [argument, *left]
        elif argument in _FLAGS or argument.startswith(("--organization=", "--data-dir=", "--env-file=")):
            front.append(argument)
        elif argument in _VALUED:
            value = [value for value in (next(left, None),) if value is not None]
            front += [argument, *value]
            has_value = argument == "--organization" and bool(value)
        else:
            others.append(argument)
        if has_value and others[:1] == ["erase"]:  # there it may say what is erased, and not only whose
            others.append("--organization-named")
    return front, others


def _tolerate_encodings() -> None:
    """Let a terminal that cannot show a character get the nearest one it can show, instead of an error."""
    from mnemon.doors.cli.output import register_fallback

    name = register_fallback()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=name)
