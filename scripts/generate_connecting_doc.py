"""Writes the tables of parameters in docs/connecting.md from `mnemon.db.parameters`.

``python scripts/generate_connecting_doc.py`` writes them; with ``--check`` nothing is written, and the exit code is 1
if the tables are not what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import pages
from mnemon.db.parameters import DRIVER, FOREIGN, PARAMETERS, Parameter

NAME = "connecting.md"
BEGIN = "<!-- parameters: written by `make docs`; change src/mnemon/db/parameters.py -->\n"
END = "<!-- end of parameters -->\n"


def rows(parameters: Mapping[str, Parameter]) -> Iterator[str]:
    """A row for each parameter."""
    for name, one in parameters.items():
        does = f"refused. {one.refusal}" if one.refusal else one.does
        yield f"| `{name}` | {does} |"


def tables() -> Iterator[str]:
    """The three tables."""
    yield from ("| libpq's parameter | what becomes of it |", "|---|---|", *rows(PARAMETERS), "")
    yield from ("| the driver's, and others' | what becomes of it |", "|---|---|", *rows(DRIVER), "")
    yield from ("| another program's | refused, with |", "|---|---|")
    yield from (f"| `{name}` | {hint} |" for name, hint in FOREIGN.items())


def page(text: str) -> str:
    """The page with its tables as they should be."""
    return pages.between(text, BEGIN, END, "\n".join(tables()), NAME)


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    return pages.keep(NAME, page, "the parameters")


if __name__ == "__main__":
    sys.exit(main())
