"""The audit of dependencies: what it says and how it ends, with a program of the test in the place of pip-audit."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.patience import PATIENCE

from .helpers import ROOT

SCRIPT = ROOT / "scripts" / "audit_dependencies.py"
KNOWN = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"]}


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit_dependencies", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit_dependencies"] = module
    spec.loader.exec_module(module)
    return module


def program(place: Path, body: str) -> list[str]:
    """A program in pip-audit's place, which is told what pip-audit is."""
    path = place / "pip-audit.py"
    path.write_text("import json, re, sys\nlisted = open(sys.argv[-1]).read().split()\n" + body)
    return [sys.executable, str(path)]


ANSWERS = """
known = json.loads(%r)
told = [dict(name=pin.split("==")[0], version=pin.split("==")[1], vulns=known.get(pin, [])) for pin in listed]
print(json.dumps({"dependencies": told, "fixes": []}))
sys.exit(1 if known else 0)
"""
SKIPS = """
told = [dict(name=pin.split("==")[0], skip_reason="nobody knows it") for pin in listed]
print(json.dumps({"dependencies": told, "fixes": []}))
"""


def test_every_version_of_the_locks_is_looked_at(audit: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "one==1.0 \\\n    --hash=sha256:00\nTwo_x==2 ; python_version < '3.12' \\\n  --hash=sha256:00\n"
    )
    (tmp_path / "b.txt").write_text("one==1.0\ntwo-x==3 ; python_version >= '3.12'\n")
    wanted = audit.pins(sorted(tmp_path.glob("*.txt")))
    assert wanted == ["one==1.0", "two-x==2", "two-x==3"]
    done = audit.ask(wanted, program(tmp_path, ANSWERS % "{}"))
    assert (done.asked, done.found, done.unknown, done.failure) == (3, [], {}, None)
    assert "3 of 3 locked versions were asked about: 0 known" in audit.report(done, 3)
    locked = audit.pins(sorted((ROOT / "requirements").glob("*.txt")))
    assert len(locked) > 80
    assert any(pin.startswith("asyncpg==") for pin in locked)


def test_a_known_vulnerability_is_found_unless_it_has_a_reason(
    audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = program(tmp_path, ANSWERS % json.dumps({"one==1.0": [KNOWN]}))
    done = audit.ask(["one==1.0", "two==1"], command)
    assert done.found == ["one 1.0: PYSEC-1, CVE-1; mended in 2.0"]
    assert "1 known vulnerabilities" in audit.report(done, 2)
    monkeypatch.setitem(audit.IGNORED, "CVE-1", "only on a platform that we do not run on")
    done = audit.ask(["one==1.0", "two==1"], command)
    assert done.found == []
    assert "only on a platform" in audit.report(done, 2)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (SKIPS, "does not know them, or cannot be reached"),
        ("sys.exit('Error: no route to https://some.where/else')", "no route to (address)"),
        ("print('no json')", "ended with 0"),
        ("print('[')", "ended with 0"),
    ],
)
def test_where_nobody_can_be_asked_it_says_so(audit: ModuleType, tmp_path: Path, body: str, why: str) -> None:
    done = audit.ask(["one==1.0"], program(tmp_path, body))
    told = audit.report(done, 1)
    assert (done.asked, done.found) == (0, [])
    assert told.startswith("NOT AUDITED: 1 of 1 locked versions could not be asked about")
    assert why in told
    assert "some.where" not in told


def test_one_that_knows_nothing_is_not_the_only_one_that_is_asked(audit: ModuleType, tmp_path: Path) -> None:
    body = "if any('service' in one for one in sys.argv):" + (ANSWERS % json.dumps({"one==1.0": [KNOWN]})).replace(
        "\n", "\n "
    )
    done = audit.ask(["one==1.0"], program(tmp_path, body + "\nelse:" + SKIPS.replace("\n", "\n ")))
    assert done.found


def test_without_pip_audit_it_says_what_to_do(audit: ModuleType, tmp_path: Path) -> None:
    done = audit.ask(["one==1.0"], [str(tmp_path / "none")])
    assert "make lint" in audit.report(done, 1)


@pytest.mark.parametrize(("arguments", "known", "code"), [([], False, 0), ([], True, 1), (["--strict"], False, 0)])
def test_how_it_ends(tmp_path: Path, arguments: list[str], known: bool, code: int) -> None:
    """As a process, with a program of that name beside the interpreter that it is run by."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "python").symlink_to(sys.executable)
    told: dict[str, Any] = {"one==1.0": [KNOWN]} if known else {}
    script = bin_ / "pip-audit"
    script.write_text(
        f"#!{sys.executable}\nimport json, sys\nlisted = open(sys.argv[-1]).read().split()\n"
        + ANSWERS % json.dumps(told)
    )
    script.chmod(0o755)
    (tmp_path / "locked.txt").write_text("one==1.0\n")
    done = subprocess.run(
        [str(bin_ / "python"), str(SCRIPT), *arguments, str(tmp_path / "locked.txt")],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, "1 of 1 locked versions" in done.stdout) == (code, True), done.stdout + done.stderr
