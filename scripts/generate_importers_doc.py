"""Writes the table of formats in docs/importers.md from the importers that come with Mnemon.

``python scripts/generate_importers_doc.py`` writes it; with ``--check`` nothing is written, and the exit code is 1 if
the table is not what would be written. Importers of other distributions are no part of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pages
from mnemon.adapters.importers import Import, importers

NAME = "importers.md"
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
    table = "\n".join(["| format | | reads | known by |", "|---|---|---|---|", *rows()])
    return pages.between(text, BEGIN, END, table, NAME)


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    return pages.keep(NAME, page, "the importers")


if __name__ == "__main__":
    sys.exit(main())
