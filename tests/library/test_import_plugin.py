"""The importer of docs/importers.md, as somebody would build it, install it and import with it."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnemon import AsyncMemory
from mnemon.adapters import importing
from mnemon.adapters.importers import detect
from tests.conftest import Server
from tests.factories import new_slug
from tests.house.helpers import ROOT

LOG = """\
2026-03-02 09:00:01 <ada> Good morning
2026-03-02 09:00:09 <bob> The boat is in Lisbon
-!- carol has joined
2026-03-02 09:01:00 <ada> Then we sail on Friday
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's two files, installed by pip into a directory of their own."""
    page = (ROOT / "docs" / "importers.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", page, flags=re.M | re.S))
    assert sorted(files) == ["mnemon_irc.py", "pyproject.toml"]
    source, target = tmp_path_factory.mktemp("mnemon-irc"), tmp_path_factory.mktemp("site")
    for name, text in files.items():
        (source / name).write_text(text, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", str(target), str(source)],
        check=True,
        env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"},
    )
    return target


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "harbour.txt"
    path.write_text(LOG)
    return path


async def test_the_library_imports_with_it(
    memory: AsyncMemory, installed: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert detect(log) == "text"  # until somebody knows it better
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.setattr(importing, "FIRST", 2)
    importlib.invalidate_caches()
    report = await memory.import_file(log, user="ada")
    assert (report.format, report.imported, report.broken) == ("irc", 3, 1)
    assert report.bytes_read == report.total_bytes == len(LOG)
    (problem,) = report.problems
    assert (problem.position.line, problem.reason) == (3, "line 3: not a line of a log")
    assert problem.excerpt == "-!- carol has joined"
    items = (await memory.list(limit=10)).items
    assert [item.content for item in items] == ["Then we sail on Friday", "The boat is in Lisbon", "Good morning"]
    assert {item.conversation for item in items} == {"harbour"}
    again = await memory.import_file(log, format="irc")
    assert (again.imported, again.resumed_after) == (0, 4)
    # A longer log is another file; what was in it before is there.
    with log.open("a") as stream:
        stream.write("2026-03-02 09:02:00 <bob> On Friday then\n")
    longer = await memory.import_file(log)
    assert (longer.imported, longer.skipped) == (1, 3)


def test_the_command_line_imports_with_it(server: Server, template: str, installed: Path, log: Path) -> None:
    def mnemon(*arguments: str) -> str:
        command = [sys.executable, "-m", "mnemon", "--data-dir", str(server.endpoint.data_dir), "-o", slug, *arguments]
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=120).stdout

    slug = new_slug()
    assert "irc" in mnemon("import", "--help")
    listed = {row["format"]: row for row in json.loads(mnemon("import", "--formats", "--json"))}
    assert listed["irc"]["from"] == "mnemon-irc"
    assert listed["irc"]["title"] == "IRC"
    assert listed["irc"]["problem"] is None
    assert "Logs of IRC clients" in " ".join(mnemon("import", "--formats").split())
    report = json.loads(mnemon("import", str(log), "--json"))
    assert (report["format"], report["imported"], report["broken"]) == ("irc", 3, 1)
    assert "Lisbon" in mnemon("search", "Where is the boat?")


def test_a_broken_one_is_listed_and_named(server: Server, template: str, installed: Path, tmp_path: Path) -> None:
    place = tmp_path / "broken"
    shutil.copytree(installed, place)
    (place / "mnemon_irc.py").write_text("import a_library_that_is_not_there\n")
    command = [sys.executable, "-m", "mnemon", "--data-dir", str(server.endpoint.data_dir), "-o", new_slug(), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    (tmp_path / "a.jsonl").write_text('{"text": "hello"}\n')

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, "import", *arguments], check=False, capture_output=True, text=True, env=environment, timeout=120
        )

    listed = {row["format"]: row for row in json.loads(run("--formats").stdout)}
    assert "a_library_that_is_not_there" in listed["irc"]["problem"]
    assert json.loads(run(str(tmp_path / "a.jsonl")).stdout)["imported"] == 1
    asked = run(str(tmp_path / "a.jsonl"), "--format", "irc")
    error = json.loads(asked.stderr)["error"]
    assert error["code"] == "unavailable.importer"
    assert error["data"] == {"format": "irc", "distribution": "mnemon-irc"}
    assert asked.returncode == 7
