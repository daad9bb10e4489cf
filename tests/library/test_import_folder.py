"""A folder or an archive of several files: each is an import of its own, and what is in no known form is named."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from mnemon import AsyncMemory, Invalid
from tests.adapters.chat_samples import FILES
from tests.factories import new_slug


def fill(folder: Path, *formats: str) -> Path:
    """A folder with a file of each format, one of them in a folder inside."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(formats):
        file, content = FILES[name]
        place = folder / ("inner" if number % 2 else "")
        place.mkdir(exist_ok=True)
        (place / file).write_bytes(content)
    return folder


async def test_a_folder_is_read_file_by_file(memory: AsyncMemory, tmp_path: Path) -> None:
    folder = fill(tmp_path / "exports", "whatsapp", "telegram", "csv", "markdown", "openai")
    (folder / "tool.py").write_text("import os\n")
    (folder / ".hidden").write_text("nothing")
    (folder / "link.txt").symlink_to(folder / "chat.txt")
    report = await memory.import_file(folder, conversation="notes", timezone="Europe/Oslo")
    assert {one.format for one in report.files} == {"whatsapp", "telegram", "csv", "markdown", "openai"}
    assert report.imported == sum(one.imported for one in report.files) > 15
    assert report.broken == 0
    assert sorted(Path(path).name for path, _ in report.unknown) == ["link.txt", "tool.py"]
    assert "The closest are" in next(why for path, why in report.unknown if path.endswith("tool.py"))
    assert report.left_out["media that the export leaves out"] == 1
    assert report.undated > 0
    again = await memory.import_file(folder, conversation="notes")
    assert (again.imported, again.skipped, again.resumed_after) == (0, 0, report.imported + report.skipped)
    (folder / "more.jsonl").write_text('{"text": "one more"}\n')
    assert (await memory.import_file(folder, conversation="notes")).imported == 1


async def test_an_archive_of_several_files_is_read_as_a_folder(memory: AsyncMemory, tmp_path: Path) -> None:
    path = tmp_path / "discord.zip"
    with zipfile.ZipFile(path, "w") as archive:
        name, content = FILES["discord"]
        archive.writestr(name, content)
        archive.writestr("other/random.json", content.replace(b'"id": "2"', b'"id": "3"'))
        archive.writestr("readme.json", "{}")
        archive.writestr("picture.png", b"\x89PNG")
    report = await memory.import_file(path)
    assert (report.format, len(report.files), report.imported) == ("archive", 2, 6)
    assert [Path(one).name for one, _ in report.unknown] == ["readme.json"]
    assert (await memory.import_file(path)).resumed_after == 6


async def test_a_file_that_breaks_does_not_stop_the_others(memory: AsyncMemory, tmp_path: Path) -> None:
    folder = fill(tmp_path / "exports", "telegram")
    (folder / "bad.jsonl").write_text('{"body": 1}\n')
    (folder / "utf16.jsonl").write_bytes('{"text": "a"}'.encode("utf-16"))
    report = await memory.import_file(folder)
    assert report.imported == 5
    bad = next(one for one in report.files if one.path.endswith("bad.jsonl"))
    assert (bad.read_nothing, bad.keys) == (True, ("body",))
    assert [Path(path).name for path, _ in report.unknown] == ["utf16.jsonl"]
    with pytest.raises(Invalid):
        await memory.import_file(folder, stop_on_broken=True, restart=True)


async def test_a_folder_without_anything_is_refused(memory: AsyncMemory, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Invalid, match="without a file of a known format") as caught:
        await memory.import_file(tmp_path / "empty")
    assert caught.value.code == "invalid.import.format"
    with pytest.raises(Invalid, match="There is no time zone 'Mars/Base'"):
        await memory.import_file(fill(tmp_path / "full", "csv"), timezone="Mars/Base")


async def test_times_without_a_zone_are_those_of_the_import_and_stored_once(
    memory: AsyncMemory, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"text": "noon", "at": "2026-07-01T12:00:00"}) + "\n")
    await memory.import_file(path, timezone="Europe/Oslo")
    assert (await memory.list(limit=1)).items[0].at.isoformat() == "2026-07-01T10:00:00+00:00"
    again = await memory.import_file(path, restart=True)
    assert (again.imported, again.skipped) == (0, 1)


async def test_another_organisation_has_imports_of_its_own(memory: AsyncMemory, tmp_path: Path) -> None:
    folder = fill(tmp_path / "exports", "telegram", "csv")
    mine = await memory.import_file(folder)
    theirs = await (await memory.organization(new_slug())).import_file(folder)
    assert (theirs.imported, theirs.resumed_after) == (mine.imported, 0)
