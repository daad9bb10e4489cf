"""Writes the tables of parameters in docs/connecting.md from `mnemon.db.parameters`.

``python scripts/generate_connecting_doc.py`` writes them; with ``--check`` nothing is written, and the exit code is 1
if the tables are not what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mnemon.db.parameters import DRIVER, FOREIGN, PARAMETERS, Parameter

PAGE = Path(__file__).resolve().parent.parent / "docs" / "connecting.md"
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
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"docs/connecting.md has no {BEGIN.strip()} and {END.strip()} around its tables")
    return f"{before}{BEGIN}\n{chr(10).join(tables())}\n\n{END}{after}"


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = page(text)
    if "--check" in sys.argv[1:]:
        if text == wanted:
            return 0
        sys.stderr.write("docs/connecting.md does not list the parameters as they are: run `make docs` and commit it\n")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
