"""make's own part: few targets, and nothing to pay for being up to date."""

from __future__ import annotations

import subprocess

import pytest

from .helpers import ROOT

STAMP = ROOT / ".venv" / ".mnemon-setup"


def test_help_is_the_default_and_lists_at_most_a_dozen() -> None:
    shown = subprocess.run(["make", "-s"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = [line for line in shown.splitlines() if line.startswith("  make ")]
    assert 5 <= len(targets) <= 12, "give a target that is seldom needed one # instead of two in the Makefile"


@pytest.mark.skipif(not STAMP.exists(), reason="this environment was not made by scripts/setup.sh")
def test_setup_costs_next_to_nothing_when_up_to_date() -> None:
    """`make run` has two seconds in all."""
    before = STAMP.read_bytes()
    command = ["bash", "scripts/setup.sh", before.split()[-1].decode()]
    subprocess.run(command, cwd=ROOT, check=True)
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert not result.stderr, "setup.sh did something the second time"
    traced = subprocess.run(["bash", "-x", *command[1:]], cwd=ROOT, check=True, capture_output=True, text=True).stderr
    ran = [line.lstrip("+ ") for line in traced.splitlines() if line.startswith("+")]
    assert 5 < len(ran) < 60, "two hashes are all there is to do"
    assert not [line for line in ran if line.split()[0].rpartition("/")[2] in {"pip", "uv", "python3", "python"}]
