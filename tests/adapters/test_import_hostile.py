"""Hostile files: each is refused or read in bounded memory, and in time that grows with its size and no faster."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.adapters.hostile import FILES
from tests.house.helpers import ROOT
from tests.patience import PATIENCE

#: Megabytes that reading may add, whatever the file: its largest element, mail or line in memory some times over.
MEMORY = 700
#: CPU seconds below which nothing is said about growth, and how much more four times the file may take.
NOISE, GROWTH = 0.4, 9.0


@pytest.mark.parametrize("name", FILES)
def test_what_a_hostile_file_costs_is_bounded_and_linear(name: str) -> None:
    size = FILES[name][3]
    done = subprocess.run(
        [sys.executable, "-m", "tests.adapters.hostile", name, str(size)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"the reader died: {done.stderr[-2000:]}"
    told = json.loads(done.stdout)
    small, large = told["small"], told["large"]
    assert large["seconds"] < GROWTH * small["seconds"] + NOISE, told
    assert max(small["megabytes"], large["megabytes"]) < MEMORY, told
    assert large["longest"] < 500, "an error is a sentence, not a copy of the file"
