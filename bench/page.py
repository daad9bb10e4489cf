"""docs/benchmarks.md takes the tables of the last runs: ``python -m bench.page [DIR]`` after the benchmarks.

A table stands between ``<!-- result: NAME -->`` and ``<!-- end -->``; without a file NAME.md it stays as it is.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
_MARKED = re.compile(r"(<!-- result: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str, results: Path) -> str:
    """The page with every result that is there."""

    def put(match: re.Match[str]) -> str:
        path = results / f"{match[2]}.md"
        if not path.is_file():
            return match[0]
        return f"{match[1]}\n{path.read_text(encoding='utf-8').strip()}\n\n{match[3]}"

    return _MARKED.sub(put, page)


def main() -> None:
    """Fill the page and take the figures along."""
    results = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "bench" / "out"
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    figures = ROOT / "bench" / "figures"
    for name in ("scale.png", "import-memory.png"):
        if (results / name).is_file():
            figures.mkdir(exist_ok=True)
            shutil.copyfile(results / name, figures / name)
            print(f"bench/figures/{name}")
    print("docs/benchmarks.md")


if __name__ == "__main__":
    main()
