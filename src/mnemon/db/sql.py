"""Named statements: .sql files beside the code that runs them, read once.

A hot statement is a file, so that it can be read, explained and held to its index by a test. ``{name}`` in a file is
filled from the loader's keywords with identifiers of ours, never with anything a caller said.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_.@<=>&|~#\s'!()]*", re.IGNORECASE)


@cache
def _read(package: str, name: str) -> str:
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


@cache
def _fill(package: str, name: str, parts: tuple[tuple[str, str], ...]) -> str:
    text = _read(package, name)
    for key, value in parts:
        text = text.replace("{" + key + "}", value)
    left = re.search(r"\{[a-z_]+\}", text)
    if left:
        raise LookupError(f"{package}/sql/{name}.sql: {left.group()} was not filled")
    return text


def statement(package: str, name: str, **parts: str) -> str:
    """The text of ``<package>/sql/<name>.sql`` with its ``{parts}`` filled.

    Args:
        package: the dotted package that holds the ``sql`` folder.
        name: the file's name without ``.sql``.
        parts: table names, operators and predicates of ours; constants in code, never input.

    Raises:
        LookupError: a part of the file was not given.
    """
    return _fill(package, name, tuple(sorted(parts.items())))
