"""docs/requirements.md has every requirement once, and what it names exists."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

from .helpers import ROOT

PAGE = ROOT / "docs" / "requirements.md"
HEADER = ["id", "asks for", "how it is met", "file", "proof", "state"]


def numbered(prefix: str, last: int, *, first: int = 1) -> tuple[str, ...]:
    return tuple(f"{prefix}{number}" for number in range(first, last + 1))


#: Every requirement and criterion of the five documents.
IDS = (
    *("REQ_006", "REQ_006.2.1", "REQ_006.2.3"),
    *("REQ_013", "REQ_013.2.1", "REQ_013.4.1", "REQ_013.4.2"),
    "REQ_169",
    *("REQ_173", "REQ_173.2.1", "REQ_173.2.2", "REQ_173.2.3"),
    *numbered("000-AC-", 7),
    *numbered("FR-", 12),
    *numbered("FR-3.", 9),
    *numbered("NFR-", 6),
    *numbered("EC-", 6),
    *numbered("002-SC-", 9),
    *numbered("REQ-T", 150, first=101),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the tables of requirements."""

    id: str
    files: tuple[str, ...]
    proofs: tuple[str, ...]
    state: str


def names(cell: str) -> tuple[str, ...]:
    """What a cell names, each in backquotes; a dash is nothing, anything else between them is a mistake."""
    if cell == "-":
        return ()
    found = tuple(re.findall(r"`([^`]+)`", cell))
    rest = re.sub(r"`[^`]+`|<br>|\s", "", cell)
    assert found, f"{cell!r} names nothing: put each name in backquotes, or a dash"
    assert not rest, f"{cell!r} has more than names in backquotes between <br>"
    return found


@cache
def rows() -> tuple[Row, ...]:
    found = []
    inside = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells == HEADER:
            inside = True
        elif inside and set(line) - set("|-: "):
            assert len(cells) == len(HEADER), f"not {len(HEADER)} cells: {line}"
            assert all(cells), f"an empty cell: {line}"
            found.append(Row(cells[0], names(cells[3]), names(cells[4]), cells[5]))
    return tuple(found)


@cache
def declared_tests(path: str) -> frozenset[str]:
    """Names of the test functions of a file, those of its classes as ``Class::test`` as well."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{one.name}"
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


def wrong(proof: str) -> str | None:
    """Why a proof is none; None if it is one."""
    path, colons, test = proof.partition("::")
    if colons:
        if not path.startswith("tests/") or not (ROOT / path).is_file():
            return f"there is no file {path}"
        return None if test in declared_tests(path) else f"{path} has no test {test}"
    if proof.startswith("bench."):
        module = ROOT.joinpath(*proof.split(".")).with_suffix(".py")
        return None if module.is_file() else f"there is no module {proof}"
    if proof.startswith("make "):
        target = proof.removeprefix("make ")
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        return None if re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE) else f"make has no target {target}"
    return f"{proof} is neither path::test nor bench.name nor make name"


def test_every_requirement_has_one_row() -> None:
    assert len(IDS) == len(set(IDS))
    counted = Counter(row.id for row in rows())
    assert not set(IDS) - set(counted), "docs/requirements.md lacks these"
    assert not set(counted) - set(IDS), "these are no requirements; add a new one to IDS here"
    assert not [one for one, times in counted.items() if times > 1], "these have more than one row"


def test_a_row_names_files_that_exist() -> None:
    missing = [f"{row.id}: {name}" for row in rows() for name in row.files if not (ROOT / name).is_file()]
    assert not missing, "these files were moved or removed; name the ones that meet the requirement now:\n" + "\n".join(
        missing
    )


def test_a_row_names_proofs_that_exist() -> None:
    bad = [f"{row.id}: {why}" for row in rows() for proof in row.proofs if (why := wrong(proof))]
    assert not bad, "name the test that shows it now, or call the requirement open:\n" + "\n".join(bad)


def test_a_state_is_met_with_proof_or_open_with_what_is_missing() -> None:
    states = [f"{row.id}: {row.state}" for row in rows() if row.state != "met" and not re.match(r"open: \S", row.state)]
    assert not states, "a state is `met`, or `open: ` and what is missing:\n" + "\n".join(states)
    bare = [row.id for row in rows() if row.state == "met" and not (row.proofs and row.files)]
    assert not bare, f"what is met has a file and a proof: {bare}"


def test_the_count_at_the_top_is_right() -> None:
    said = re.search(r"^(\d+) of (\d+) are met\.$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert said, "the page says how many of how many are met"
    met = sum(row.state == "met" for row in rows())
    assert (int(said[1]), int(said[2])) == (met, len(rows()))


def test_what_does_not_exist_is_no_proof() -> None:
    assert wrong("tests/house/test_requirements.py::test_what_does_not_exist_is_no_proof") is None
    for proof in (
        "tests/house/test_requirements.py::test_nothing",
        "tests/house/test_requirements.py::wrong",
        "tests/house/test_nothing.py::test_nothing",
        "bench.nothing",
        "make nothing",
        "by hand",
    ):
        assert wrong(proof), proof
