"""`import mnemon` is what every program pays that uses any part of it."""

from __future__ import annotations

import resource
import subprocess
import sys

BUDGET_MS = 100.0
RUNS = 5
HEAVY = ("pydantic", "sqlalchemy", "numpy", "asyncpg", "typer", "httpx")

_ADVICE = "src/mnemon/__init__.py resolves its names on first use: import heavy modules there, or inside a function"


def _milliseconds(code: str) -> float:
    """The processor time of a process: what else runs on the machine has little part in it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def test_import_takes_less_than_a_tenth_of_a_second() -> None:
    # Alternately, and the best of each, so that another program on the machine does not decide it.
    pairs = [(_milliseconds("import mnemon"), _milliseconds("pass")) for _ in range(RUNS)]
    added = min(with_import for with_import, _ in pairs) - min(bare for _, bare in pairs)
    assert added < BUDGET_MS, f"import mnemon takes {added:.0f} ms (at most {BUDGET_MS:.0f}). {_ADVICE}"


def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, mnemon; print(*(name for name in {HEAVY} if name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not loaded, f"import mnemon loads {', '.join(loaded)}. {_ADVICE}"


def test_a_start_that_finds_its_database_current_needs_no_migrations() -> None:
    code = "import sys; from mnemon import Memory; import mnemon.doors.cli.main; print('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


_REMEMBERS = """
import sys
import mnemon.doors.cli.main
from mnemon import Memory
from mnemon.doors.library.items import as_items
parts = [{"type": "text", "text": "Ahoy"}]
said = [{"role": "human", "content": parts, "timestamp": "2026-03-01T12:00:00Z"}, ("ai", "Hi")]
print(*(f"{item.role} {item.at}" for item in as_items(said, {}, {})), sep="|")
print(*(name for name in sys.modules if name.startswith(("mnemon.adapters.import", "ijson", "charset_normalizer"))))
"""


def test_importers_are_loaded_by_an_import_alone() -> None:
    process = subprocess.run([sys.executable, "-c", _REMEMBERS], check=True, capture_output=True, text=True)
    said, loaded = process.stdout.split("\n")[:2]
    assert said == "user 2026-03-01 12:00:00+00:00|assistant None"
    assert not loaded, f"opening a memory and remembering loads {loaded}: only import_file may"
