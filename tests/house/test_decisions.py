"""docs/decisions.md has every library that pyproject.toml asks for, in that range, with a reason and an alternative."""

from __future__ import annotations

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .helpers import ROOT
from .test_locks import pyproject

PAGE = ROOT / "docs" / "decisions.md"


def asked_for() -> dict[str, str]:
    """Each library that is named in pyproject.toml, and its range as the page writes it."""
    project = pyproject()["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    for entries in pyproject()["dependency-groups"].values():
        texts += [entry for entry in entries if isinstance(entry, str)]
    found: dict[str, str] = {}
    for text in texts:
        requirement = Requirement(text)
        bounds = {bound.operator: bound.version for bound in requirement.specifier}
        assert set(bounds) <= {">=", "<"}, f"{text}: the page knows ranges with >= and < only"
        upper = f", below {bounds['<']}" if "<" in bounds else ""
        found[canonicalize_name(requirement.name)] = bounds[">="] + upper
    return found


def explained() -> dict[str, tuple[str, str, str]]:
    """Each library of the table: its range, why it was chosen, what was weighed against it."""
    section = PAGE.read_text(encoding="utf-8").split("## Libraries", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    found: dict[str, tuple[str, str, str]] = {}
    for cells in rows[1:]:
        names, ranges, why, against = cells
        listed, bounds = names.split(", "), ranges.split("; ")
        assert len(listed) == len(bounds), f"{names}: a range for each, with semicolons between: {ranges}"
        for name, bound in zip(listed, bounds, strict=True):
            assert canonicalize_name(name) not in found, f"{name} is there twice"
            found[canonicalize_name(name)] = (bound, why, against)
    return found


def test_every_library_is_explained_and_no_other() -> None:
    wanted, known = asked_for(), explained()
    missing, left = sorted(wanted.keys() - known.keys()), sorted(known.keys() - wanted.keys())
    assert not missing, f"these need a row with a reason in docs/decisions.md: {missing}"
    assert not left, f"nothing asks for these any more; take their rows out of docs/decisions.md: {left}"


def test_the_ranges_are_those_of_the_project() -> None:
    wanted = asked_for()
    other = {name: (bound, wanted[name]) for name, (bound, _, _) in explained().items() if bound != wanted.get(name)}
    assert not other, f"docs/decisions.md says another range than pyproject.toml (page, project): {other}"


def test_each_has_a_reason() -> None:
    bare = [name for name, (_, why, against) in explained().items() if not re.search(r"\w{3}", why) or not against]
    assert not bare, f"why these, and not something else: {bare}"
