"""The lock files hold what pyproject.toml asks for, name no machine, and agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from .helpers import ROOT

REQUIREMENTS = ROOT / "requirements"
# The same sets as scripts/lock.sh.
GROUPS = {
    "run": ["install"],
    "server": ["install"],
    "test": ["install", "test"],
    "dev": ["install", "build", "test", "lint"],
    "bench": ["install", "bench"],
}
ADVICE = "run `make lock` and commit requirements/"


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def group(name: str) -> list[Requirement]:
    """The requirements of a dependency group, with the groups it includes."""
    found: list[Requirement] = []
    for entry in pyproject()["dependency-groups"][name]:
        found += group(entry["include-group"]) if isinstance(entry, dict) else [Requirement(entry)]
    return found


def wanted(lock: str) -> list[Requirement]:
    project = pyproject()["project"]
    direct = [Requirement(text) for text in project["dependencies"]]
    if lock == "server":
        direct += [Requirement(text) for text in project["optional-dependencies"]["server"]]
    return direct + [requirement for name in GROUPS[lock] for requirement in group(name)]


def pins(path: Path) -> dict[str, list[Requirement]]:
    """What a lock pins, by name: more than one entry where a version depends on the Python."""
    found: dict[str, list[Requirement]] = {}
    for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        pinned = Requirement(line.split(" --hash=")[0].strip())
        found.setdefault(canonicalize_name(pinned.name), []).append(pinned)
    return found


def version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "==", f"{pin} is not pinned: {ADVICE}"
    return specifier.version


@pytest.mark.parametrize("lock", GROUPS)
def test_every_direct_dependency_is_locked_within_its_range(lock: str) -> None:
    locked = pins(REQUIREMENTS / f"{lock}.txt")
    for requirement in wanted(lock):
        found = locked.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement.name} is in pyproject.toml but not in requirements/{lock}.txt: {ADVICE}"
        for pin in found:
            assert requirement.specifier.contains(version(pin), prereleases=True), (
                f"requirements/{lock}.txt has {pin}, pyproject.toml wants {requirement}: {ADVICE}"
            )


@pytest.mark.parametrize("lock", sorted(path.name for path in REQUIREMENTS.glob("*.txt")))
def test_every_entry_has_hashes_and_names_no_place(lock: str) -> None:
    text = (REQUIREMENTS / lock).read_text(encoding="utf-8")
    for entry in text.replace("\\\n", " ").splitlines():
        assert "--hash=sha256:" in entry, f"{entry[:60]} in requirements/{lock} has no hash: {ADVICE}"
    # A lock says which packages; where they come from is the business of the machine that installs them.
    place = re.search(r"https?:|file:|git\+|index-url|--find-links|--trusted-host| @ |pypi|pythonhosted", text)
    assert place is None, f"requirements/{lock} names a place ({place}): scripts/lock.sh has the options against it"


def test_the_sets_agree() -> None:
    """One environment can hold them all: .venv gets one after another."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for lock in GROUPS:
        for name, found in pins(REQUIREMENTS / f"{lock}.txt").items():
            for pin in found:
                marker = "" if len(found) == 1 else str(pin.marker)
                other = seen.setdefault((name, marker), (lock, version(pin)))
                assert other[1] == version(pin), f"{name}: {lock} and {other[0]} disagree: {ADVICE}"


def test_each_set_holds_the_one_before() -> None:
    """scripts/setup.sh counts on it: with dev installed, test and run are."""
    run, server, test, dev, bench = (set(pins(REQUIREMENTS / f"{lock}.txt")) for lock in GROUPS)
    assert run <= test <= dev, ADVICE
    assert run <= server <= test, ADVICE
    assert run <= bench, ADVICE


def test_pythons_are_those_that_setup_accepts() -> None:
    declared = SpecifierSet(pyproject()["project"]["requires-python"])
    accepted = [f"3.{minor}" for minor in range(8, 20) if declared.contains(f"3.{minor}.0")]
    setup = (ROOT / "scripts" / "setup.sh").read_text(encoding="utf-8")
    assert accepted == ["3.11", "3.12", "3.13", "3.14"], "change scripts/setup.sh and scripts/lock.sh as well"
    assert setup.count("(3, 11) <= sys.version_info[:2] < (3, 15)") == 2
