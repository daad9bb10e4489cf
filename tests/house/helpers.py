"""Where the repository is and which files are its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "mnemon"

_NOT_OURS = {"__pycache__", "dist", "build", "htmlcov", "out"}


def tracked_files() -> list[Path]:
    """Files that git tracks or would add; in a copy without git, every file but what make has made."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0 and listing.stdout:
        paths = [ROOT / name.decode() for name in listing.stdout.split(b"\0") if name]
    else:
        paths = list(_walk(ROOT))
    return [path for path in paths if path.is_file()]


def _walk(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path.is_dir() and not path.is_symlink():
            hidden = path.name.startswith(".") and path.name != ".ci"  # environments and caches
            if not hidden and path.name not in _NOT_OURS:
                yield from _walk(path)
        else:
            yield path
