"""Writes docs/cli.md from the Typer application.

``python scripts/generate_cli_doc.py`` writes it; with ``--check`` nothing is written, and the exit code is 1 if the
page is not what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

import pages
from mnemon.doors.cli.application import application
from mnemon.doors.cli.errors import EXIT_CODES, INTERRUPTED, UNEXPECTED
from mnemon.doors.cli.main import BROKEN_PIPE

INTRODUCTION = """\
<!-- Generated from src/mnemon/doors/cli by `make docs`. Change the command there. -->

# Command line

`mnemon` (or `python -m mnemon`) works on the embedded PostgreSQL, or on the database of `DATABASE_URL`; passwords are
taken from the environment only, because a command line can be read by every user of a machine. See
[settings.md](settings.md).

`make run` is `mnemon tour`: it imports a sample, asks it questions and shows why each answer was found.

## Options for every command

They may be written before or after the command.

"""

AFTER_OPTIONS = """\

Data goes to standard output; errors, progress and broken records go to standard error. With `--json`, each command
writes one JSON document on one line; `import` writes one line for each file, and `list --all` one for each item.
Times are read and shown in the zone of `--user` or of MNEMON_TIMEZONE, else in local time, and are shown with their
offset; `--utc` changes that, and JSON always has UTC ([time.md](time.md)).
"""

EXIT = """\
## Exit codes

An error is one or two lines on standard error: what is wrong, and what to do. With `--json` it is
`{"error": {"kind", "code", "message", "hint", "data"}}`. A traceback is shown with `--debug` or `MNEMON_DEBUG=1` alone.

| code | meaning |
|---|---|
"""

MEANINGS = {
    "invalid": "the command line, a setting or the input breaks a rule",
    "not_found": "what was named does not exist",
    "conflict": "another change came first, or the thing exists already",
    "forbidden": "that may not be done, such as connecting as a role that row-level security does not hold back",
    "unauthenticated": "a key is missing or refused",
    "unavailable": "the database or a provider cannot be reached, or is not ready; trying again may help",
}


def options(command: Any) -> Iterator[str]:
    """The rows of a command's table: arguments, then options."""
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "argument":
            name = f"`{parameter.metavar or parameter.name.upper()}`"
        else:
            names = [*sorted(parameter.opts, key=len, reverse=True), *parameter.secondary_opts]
            flag = bool(getattr(parameter, "is_flag", False))
            value = "" if flag else f" {parameter.metavar or 'N'}"
            name = ", ".join(f"`{one}{value}`" for one in names)
        default = parameter.default
        shown = "" if default in (None, False, True, ()) or callable(default) else f" Default: `{default}`."
        yield f"| {cell(name)} | {cell((parameter.help or '').strip())}{cell(shown)} |"


def cell(text: str) -> str:
    """Text that cannot break a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def table(command: Any) -> str:
    """A command's arguments and options."""
    rows = list(options(command))
    return "\n".join(["| | |", "|---|---|", *rows]) + "\n" if rows else ""


def commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command below a group, with its full name."""
    for name, command in group.commands.items():
        if getattr(command, "commands", None):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


NOT_ALL = (
    "`db check`: something differs; `doctor`: something must be done; `import`: a file of a folder failed, or nothing "
    "in a file could be read; a question was answered with no"
)


def exit_codes() -> str:
    """The table of exit codes."""
    rows = [
        (0, "it is done"),
        (1, NOT_ALL),
    ]
    rows += [(code, f"{kind.replace('_', ' ')}: {MEANINGS[kind]}") for kind, code in EXIT_CODES.items()]
    rows += [
        (UNEXPECTED, "something unexpected: please report it"),
        (INTERRUPTED, "interrupted (Ctrl-C); an import goes on where it stopped when it is called again"),
        (BROKEN_PIPE, "nobody reads the output any more, as in `mnemon list | head`"),
    ]
    return EXIT + "".join(f"| {code} | {meaning} |\n" for code, meaning in rows)


def page() -> str:
    """The whole page."""
    root = get_command(application())
    parts = [INTRODUCTION, table(root), AFTER_OPTIONS]
    for name, command in commands(root, "mnemon"):
        text = " ".join((command.help or "").split())
        parts += [f"\n## {name}\n\n{text}\n", f"\n{found}" if (found := table(command)) else ""]
    return "".join(parts) + "\n" + exit_codes()


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    return pages.keep("cli.md", lambda _: page(), "the commands")


if __name__ == "__main__":
    sys.exit(main())
