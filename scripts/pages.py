"""What the scripts that generate pages share: a page is written, or with ``--check`` looked at only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def keep(name: str, page: Callable[[str], str], source: str) -> int:
    """Write a page, or with ``--check`` among the arguments say whether it is stale; return the exit code.

    Args:
        name: of the page in docs.
        page: what the page should be; it gets what it is, an empty text where there is none.
        source: what the page is made of, as somebody reads it who has to run `make docs`.
    """
    return keep_file(DOCS / name, page, source)


def keep_file(place: Path, page: Callable[[str], str], source: str) -> int:
    """Write a file, or with ``--check`` among the arguments say whether it is stale; return the exit code.

    Args:
        place: where it is.
        page: what the file should be; it gets what it is, an empty text where there is none.
        source: what it is made of, as somebody reads it who has to run `make docs`.
    """
    text = place.read_text(encoding="utf-8") if place.is_file() else ""
    wanted = page(text)
    if "--check" not in sys.argv[1:]:
        place.write_text(wanted, encoding="utf-8")
        return 0
    if text == wanted:
        return 0
    name = place.relative_to(ROOT)
    sys.stderr.write(f"{name} does not have {source} as they are: run `make docs` and commit it\n")
    return 1


def between(text: str, begin: str, end: str, body: str, name: str) -> str:
    """Return a page with a new text between two of its lines, which stay; both are whole lines with their ends.

    It ends the process where the page has not these lines.
    """
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"docs/{name} has no {begin.strip()} and {end.strip()}")
    return f"{before}{begin}\n{body}\n\n{end}{after}"
