"""Writes the table of formats in docs/importers.md from the importers that come with Mnemon.

``python scripts/generate_importers_doc.py`` writes it; with ``--check`` nothing is written, and the exit code is 1 if
the table is not what would be written. Importers of other distributions are no part of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from mnemon.adapters.importers import Import, importers

PAGE = Path(__file__).resolve().parent.parent / "docs" / "importers.md"
BEGIN = "<!-- formats: written by `make docs`; change the class there -->\n"
END = "<!-- end of formats -->\n"


def rows() -> Iterator[str]:
    """A row for each format."""
    for importer in importers().values():
        if importer.is_ours:
            kind = importer.load()
            yield f"| `{importer.name}` | {kind.title} | {kind.description} | {recognised(kind)} |"


def recognised(kind: type[Import]) -> str:
    """By what a file is known to be of a format, as its class declares it."""
    words = [f"named `{suffix}`" for suffix in kind.suffixes]
    words += [f"holds `{name}`" for name in kind.expects]
    words += [f"key `{key}`" for key in sorted(kind.keys)]
    return "; ".join(words)


def page(text: str) -> str:
    """The page with its table as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"docs/importers.md has no {BEGIN.strip()} and {END.strip()} around its table")
    table = "\n".join(["| format | | reads | known by |", "|---|---|---|---|", *rows()])
    return f"{before}{BEGIN}\n{table}\n\n{END}{after}"


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = page(text)
    if "--check" in sys.argv[1:]:
        if text == wanted:
            return 0
        sys.stderr.write("docs/importers.md does not list the importers as they are: run `make docs` and commit it\n")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
