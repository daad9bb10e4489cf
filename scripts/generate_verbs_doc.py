"""Writes docs/verbs.md from the registry of verbs.

``python scripts/generate_verbs_doc.py`` writes it; with ``--check`` nothing is written, and the exit code is 1 if the
page is not what would be written.
"""

from __future__ import annotations

import ast
import re
import sys
import types
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, get_args, get_origin

import pages
from mnemon import verbs
from mnemon.doors import routes
from mnemon.doors.library.groups import GROUPS
from mnemon.verbs import Verb

SOURCE = pages.ROOT / "src" / "mnemon"
#: The packages that call verbs for somebody, and what a reader calls them.
DOORS = {
    "library": "doors/library",
    "HTTP": "doors/http",
    "command line": "doors/cli",
    "worker": "doors/worker",
    "imports": "adapters",
}

INTRODUCTION = """\
<!-- Generated from the decorators of the verbs (mnemon.verbs) by `make docs`. Change what is said there. -->

# Verbs

All {count} verbs, by domain. A verb is called with a context, which says on whose behalf, and with its request: a
schema, or a few ids and keywords. `from mnemon.DOMAIN import service` has those of a domain; `mnemon.verbs.every()` has
this list for programs.

- **permission**: what whoever asks must hold, looked at before anything else is done. `*` is a trusted process of the
  organisation. Where there are several, or none, a note under the table says which one is asked for, or why none is.
  What somebody may then see or change of what is others' is decided row by row ([security.md](security.md)).
- **does**: *reads* begins read-only transactions; *changes* may change something. *Installation*: it is the
  installation's own work, and no organisation may call it, whatever its permissions.
- **called by**: the doors whose code calls the verb. What the command line and MCP do through the library is the
  library's. Where nothing stands, it is for programs that take a context.

"""


def type_name(hint: Any) -> str:
    """A type as the page names it."""
    if hint is types.NoneType:
        return "None"
    if isinstance(hint, types.UnionType):
        return " or ".join(type_name(part) for part in get_args(hint))
    if (origin := get_origin(hint)) is not None:
        inner = ", ".join("..." if part is Ellipsis else type_name(part) for part in get_args(hint))
        return f"{origin.__name__}[{inner}]"
    return str(hint.__name__)


def request(verb: Verb) -> str:
    """What a verb takes beside the context."""
    if verb.request is not None:
        return f"`{verb.request.__name__}`"
    return ", ".join(f"`{name}: {type_name(hint)}`" for name, hint in verb.parameters.items()) or "-"


def summary(verb: Verb) -> str:
    """The verb's summary, as Markdown in a table."""
    return re.sub(r":func:`([\w.]+)`", r"`\1`", verb.summary).replace("``", "`").replace("|", "\\|")


def calls(directory: Path) -> Iterator[str]:
    """``domain.verb`` of what the files of a directory name of services."""
    for path in sorted(directory.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                parts = node.module.split(".")
                for alias in node.names:
                    if alias.name == "service" and len(parts) == 2:
                        modules[alias.asname or alias.name] = parts[1]
                    elif parts[0] == "mnemon" and {"service", "export"} & set(parts):
                        yield f"{parts[1]}.{alias.name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                yield f"{modules[node.value.id]}.{node.attr}"


def notes(those: list[Verb]) -> dict[str, int]:
    """The rules of a domain's verbs, numbered in their order."""
    return {rule: number for number, rule in enumerate(dict.fromkeys(one.rule for one in those if one.rule), 1)}


def domain(name: str, those: list[Verb], called: dict[str, set[str]]) -> Iterator[str]:
    """The lines of a domain's section."""
    numbers = notes(those)
    yield f"## {name}\n"
    yield "| verb | does | permission | takes | answers | called by | |"
    yield "|---|---|---|---|---|---|---|"
    for verb in those:
        permission = ", ".join(f"`{one}`" for one in verb.permissions) or "none"
        if verb.rule:
            permission += f" ({numbers[verb.rule]})"
        does = ("changes" if verb.changes else "reads") + (", installation" if verb.installation else "")
        doors = ", ".join(door for door in DOORS if verb.name in called[door])
        answer = f"`{type_name(verb.answer)}`"
        short = f"`{verb.name.partition('.')[2]}`"
        yield f"| {short} | {does} | {permission} | {request(verb)} | {answer} | {doors} | {summary(verb)} |"
    for rule, number in numbers.items():
        yield f"\n({number}) {rule}."
    yield ""


def page() -> str:
    """The whole page."""
    everything = verbs.every()
    called = {door: set(calls(SOURCE / path)) for door, path in DOORS.items()}
    called["library"] |= {name for group in GROUPS.values() for name in group.verbs.values()}
    called["HTTP"] |= {route.verb for route in routes.every()}
    parts = [INTRODUCTION.format(count=len(everything))]
    for name, those in groupby(everything, key=lambda verb: verb.domain):
        parts += [f"{line}\n" for line in domain(name, list(those), called)]
    return "".join(parts).rstrip("\n") + "\n"


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    return pages.keep("verbs.md", lambda _: page(), "the verbs")


if __name__ == "__main__":
    sys.exit(main())
