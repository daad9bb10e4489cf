"""Every named statement is held to its indexes: in a test of plans of its own domain."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.helpers import ROOT

DOMAINS = ROOT / "src" / "mnemon"


def _strings(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_named_statement_has_a_test_of_its_plan() -> None:
    missing = []
    for file in sorted(DOMAINS.glob("*/sql/*.sql")):
        domain = file.parents[1].name
        named = [_strings(test) for test in (ROOT / "tests" / domain).glob("test_plans*.py")]
        if not any(file.stem in strings for strings in named):
            missing.append(f"{domain}/sql/{file.name}")
    assert not missing, (
        f"No test of plans names {missing}: add a Case to tests/<domain>/test_plans.py with the index that serves it. "
        "A statement that is fast with the rows of a test reads a whole table when an organisation has grown."
    )
