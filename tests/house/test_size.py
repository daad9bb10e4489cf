"""A file or a function that is read in one go can be reviewed in one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from .helpers import ROOT, SOURCE

FILE_LINES = 400
FUNCTION_LINES = 50

# Files that were longer when the limit came down, with their lines then. They may shrink, and leave this list; nothing
# is added to it.
LONGER = {
    "tests/db/embedded/test_encrypted.py": 505,
    "tests/identity/test_sign_in_attacks.py": 623,
    "tests/inside/verbs.py": 638,
    "tests/installation/test_replicas.py": 499,
    "tests/jobs/test_worker.py": 523,
    "tests/memory/test_recall.py": 555,
    "tests/memory/test_remember.py": 588,
    "tests/operations/test_audit_tampering.py": 517,
    "tests/operations/test_erasure_attacks.py": 560,
}


def sources() -> Iterator[Path]:
    return iter(sorted(SOURCE.rglob("*.py")))


def lengths() -> dict[str, int]:
    """Lines of each file of src, tests and bench."""
    paths = [*sources(), *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]
    return {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: nobody should say less to stay within a limit."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_files_are_short() -> None:
    found = lengths()
    long = [f"{name}: {lines} lines" for name, lines in found.items() if lines > LONGER.get(name, FILE_LINES)]
    assert not long, (
        f"a file has at most {FILE_LINES} lines, because a longer one does more than one thing and is hard to review. "
        "Make it a package with one file for each verb or stage, and re-export from its __init__.py:\n"
        + "\n".join(long)
    )
    short = [name for name in LONGER if found.get(name, 0) <= FILE_LINES]
    assert not short, f"these are short now: take them out of LONGER: {short}"


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}, {lines} lines"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := _lines(node)) > FUNCTION_LINES
    ]
    assert not long, (
        f"a function has at most {FUNCTION_LINES} lines beside its docstring, because its steps should be seen at "
        "once. Give a step a name and move it to a function of its own; move SQL to a named .sql file:\n"
        + "\n".join(long)
    )
