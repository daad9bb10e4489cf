"""docs/cli.md says what the commands say."""

from __future__ import annotations

import subprocess
import sys

from tests.house.helpers import ROOT


def test_the_page_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "generate_cli_doc.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run `make docs` and commit the page"
