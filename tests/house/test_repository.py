"""No file that is published names a machine it was written on."""

from __future__ import annotations

import re

from mnemon.core.settings import Settings

from .helpers import ROOT, tracked_files

# Written so that this file does not match itself.
_MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(?:work|root|farm)(?=/)")

#: Lines that mean such a path and not a machine: the file, and what stands on the line.
_MEANT = {("tests/db/embedded/test_ordinary_user.py", "root/data")}  # a directory closed to ordinary users anywhere


def test_no_tracked_file_names_a_path_of_some_machine() -> None:
    found = []
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" in data:  # binary
            continue
        name = path.relative_to(ROOT).as_posix()
        for number, line in enumerate(data.decode(errors="replace").splitlines(), start=1):
            meant = any(file == name and text in line for file, text in _MEANT)
            if _MACHINE_PATHS.search(line) and not meant:
                found.append(f"{name}:{number}: {line[:120].strip()}")
    assert not found, (
        "these lines hold a path that exists on one machine only; use a path relative to the repository, a temporary "
        "directory, or an environment variable:\n" + "\n".join(found)
    )


def test_env_example_shows_every_setting_and_nothing_else() -> None:
    shown = re.findall(r"^#? ?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), flags=re.MULTILINE)
    names = {name.removeprefix("MNEMON_").lower() for name in shown}
    fields = set(Settings.model_fields)
    assert names == fields, (
        f".env.example and core/settings.py differ: {sorted(names ^ fields)}; add the setting, commented out, or "
        "remove it"
    )
