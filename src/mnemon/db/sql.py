"""Named statements: .sql files beside the code that runs them, read once.

A hot statement is a file, so that it can be read, explained and held to its index by a test. ``{name}`` in a file is
filled from the loader's keywords with SQL of ours, never with a text that a caller gave.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files

#: Filled texts held. Predicates differ with the conditions and the number of words of a question: there is no end to
#: them, and filling one anew takes microseconds.
_FILLED = 512


@cache
def _read(package: str, name: str) -> str:
    """Read a file once: as many entries as there are files."""
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


@lru_cache(_FILLED)
def _fill(package: str, name: str, parts: tuple[tuple[str, str], ...]) -> str:
    """Fill a file's text; the last used texts are kept."""
    text = _read(package, name)
    for key, value in parts:
        text = text.replace("{" + key + "}", value)
    left = re.search(r"\{[a-z_]+\}", text)
    if left:
        raise LookupError(f"{package}/sql/{name}.sql: {left.group()} was not filled")
    return text


def statement(package: str, name: str, **parts: str) -> str:
    """Return the text of ``<package>/sql/<name>.sql`` with its ``{parts}`` filled.

    Args:
        package: the dotted package that holds the ``sql`` folder.
        name: the file's name without ``.sql``.
        parts: table names, operators, limits and predicates, put together by code. What a caller said stands in them as
            a parameter's place or a checked number, never as text.

    Raises:
        LookupError: a part of the file was not given.
    """
    return _fill(package, name, tuple(sorted(parts.items())))
