"""Every line of docs/library.md runs, in its order, on a real database."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import mnemon
from mnemon import Memory
from mnemon.doors.library.groups import GROUPS
from tests.conftest import APP, Server
from tests.factories import new_slug

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "library.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_every_namespace_has_an_example() -> None:
    sections = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    shown = {section.partition("\n")[0].strip() for section in sections if f"memory.{section.split()[0]}." in section}
    assert shown == set(GROUPS)


async def test_the_examples_run(server: Server, template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened() -> Memory:
        return Memory(
            database_url=server.url(APP), organization=new_slug(), secret_key=b64encode(os.urandom(32)).decode()
        )

    monkeypatch.setattr(mnemon, "Memory", opened)
    scope: dict[str, Any] = {}
    failed: list[str] = []
    fresh = PAGE.replace("@example.org", f"@{new_slug()}.example.org")  # addresses are one person's in all of it
    for number, block in enumerate(_BLOCK.findall(fresh), 1):
        try:
            exec(compile(block, f"docs/library.md, example {number}", "exec"), scope)  # noqa: S102 - our own page
        except Exception as error:
            failed.append(f"example {number}: {error!r}\n{block}")
    assert not failed, "\n".join(failed)
    assert scope["memory"].tasks.get(scope["task"].id).status == "done"
    assert scope["memory"].audit.verify().valid
    scope["memory"].close()
