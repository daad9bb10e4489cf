"""Every line of docs/library.md runs, in its order, on a real database."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import mnemon
from mnemon import Memory, Settings
from mnemon.core.settings import load_settings
from mnemon.doors.library.groups import GROUPS
from tests.conftest import APP, Server
from tests.factories import new_slug
from tests.serving import serving

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "library.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_every_namespace_has_an_example() -> None:
    sections = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    shown = {section.partition("\n")[0].strip() for section in sections if f"memory.{section.split()[0]}." in section}
    assert shown == set(GROUPS)


def run(memory: Memory, *, elsewhere: str = "") -> dict[str, Any]:
    """Run the examples on a memory, and return what they made; those of one namespace may be for a database alone."""
    fresh = PAGE.replace("@example.org", f"@{new_slug()}.example.org")  # addresses are one person's in all of it
    scope: dict[str, Any] = {}
    failed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnemon, "Memory", lambda: memory)
        for number, block in enumerate(_BLOCK.findall(fresh), 1):
            try:
                exec(compile(block, f"docs/library.md, example {number}", "exec"), scope)  # noqa: S102 - our own page
            except Exception as error:
                if not (elsewhere and elsewhere in block and getattr(error, "code", "") == "invalid.remote"):
                    failed.append(f"example {number}: {error!r}\n{block}")
    assert not failed, "\n".join(failed)
    return scope


def settings(server: Server, files: Path) -> Settings:
    return load_settings(
        database_url=server.url(APP),
        organization=new_slug(),
        secret_key=b64encode(os.urandom(32)).decode(),
        asset_store=str(files),
    )


def test_the_examples_run(server: Server, template: str, tmp_path: Path) -> None:
    with Memory(settings(server, tmp_path)) as memory:
        made = run(memory)
        assert memory.tasks.get(made["task"].id).status == "done"
        assert memory.audit.verify().valid


def test_the_examples_run_on_a_server(server: Server, template: str, tmp_path: Path) -> None:
    opened = settings(server, tmp_path)
    with serving(opened, trust_loopback=True) as address, Memory(address) as memory:
        made = run(memory, elsewhere="memory.sessions.")
    with Memory(opened) as local:
        assert local.tasks.get(made["task"].id).status == "done"
