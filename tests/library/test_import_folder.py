"""A folder or an archive of several files: each is an import of its own, and what is in no known form is named."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from mnemon import AsyncMemory, Invalid
from mnemon.adapters.importers import limits
from tests.adapters.chat_samples import FILES
from tests.adapters.test_import_exports import CHAT
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
    assert (bad.read_nothing, bad.keys, bad.error) == (True, ("body",), None)
    utf16 = next(one for one in report.files if one.path.endswith("utf16.jsonl"))
    assert utf16.format == "jsonl"
    assert "is UTF-16 text, and JSON Lines is UTF-8. Save it as UTF-8." in str(utf16.error)
    assert report.unknown == []
    assert [Path(one.path).name for one in report.failed] == ["bad.jsonl", "utf16.jsonl"]
    with pytest.raises(Invalid):
        await memory.import_file(folder, stop_on_broken=True, restart=True)


async def test_a_file_that_goes_bad_in_the_middle_keeps_what_was_read(memory: AsyncMemory, tmp_path: Path) -> None:
    folder = fill(tmp_path / "exports", "telegram")
    talks = [{**CHAT, "conversation_id": str(n)} for n in range(3)]
    (folder / "talks.json").write_text(
        json.dumps([*talks, {**CHAT, "conversation_id": "large", "padding": "x" * (limits.MAX_ELEMENT + 2_000_000)}])
    )
    report = await memory.import_file(folder)
    large = next(one for one in report.files if one.path.endswith("talks.json"))
    assert "an element of more than 64 MB" in str(large.error)
    assert (large.format, large.imported) == ("chatgpt", len(talks) * 4)
    assert report.imported == 5 + large.imported
    assert report.failed == (large,)


async def test_a_file_that_goes_while_others_are_imported_is_named(memory: AsyncMemory, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.jsonl").write_text(json.dumps({"text": f"hello {name}"}) + "\n")
    report = await memory.import_file(folder, on_progress=lambda _: (folder / "b.jsonl").unlink(missing_ok=True))
    assert (report.imported, [Path(one.path).name for one in report.failed]) == (2, ["b.jsonl"])
    assert "There is no file" in str(report.failed[0].error)


async def test_what_an_archive_has_beside_its_one_file_is_in_the_report(memory: AsyncMemory, tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat - Rosa.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", FILES["whatsapp"][1])
        archive.writestr("1.jpg", b"x")
        archive.writestr("2.jpg", b"x")
        archive.writestr("readme.json", "{}")
    report = await memory.import_file(path)
    assert (report.format, report.imported, report.files) == ("whatsapp", 6, [])
    assert [Path(one).name for one, _ in report.unknown] == ["readme.json"]
    assert report.left_out["files of an archive that are no texts (`.jpg`)"] == 2
    within = await memory.import_file(tmp_path)
    assert [Path(one).name for one, _ in within.unknown] == ["readme.json"]
    assert (within.imported, within.resumed_after) == (0, report.imported)


async def test_texts_of_an_archive_that_are_not_looked_at_are_named(
    memory: AsyncMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["mnemon.adapters.importers.detect"], "_MOST_MEMBERS", 2)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "abcd":
            archive.writestr(f"{name}.jsonl", json.dumps({"text": f"hello {name}"}) + "\n")
    report = await memory.import_file(path)
    assert report.imported == 2
    assert [(Path(one).name, why.split(":")[0]) for one, why in report.unknown] == [
        ("c.jsonl", "Not looked at"),
        ("d.jsonl", "Not looked at"),
    ]


async def test_the_list_of_an_archive_is_not_read_for_each_of_its_files(
    memory: AsyncMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30):
            archive.writestr(f"{number}.jsonl", json.dumps({"text": f"hello {number}"}) + "\n")
    read: list[object] = []
    listed = zipfile.ZipFile._RealGetContents  # type: ignore[attr-defined]

    def noted(one: zipfile.ZipFile) -> None:
        read.append(one)
        listed(one)

    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", noted)
    assert (await memory.import_file(path)).imported == 30
    assert len(read) < 10


async def test_the_format_that_is_asked_for_is_that_of_archives_within_too(memory: AsyncMemory, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    with zipfile.ZipFile(folder / "one.zip", "w") as archive:
        archive.writestr("notes.md", "# Top\n\nText.\n")
        archive.writestr("b.jpg", b"x")
    with zipfile.ZipFile(folder / "two.zip", "w") as archive:
        archive.writestr("talk.csv", FILES["csv"][1])
    (folder / "plain.md").write_text("# Other\n\nText.\n")
    report = await memory.import_file(folder, format="markdown")
    assert {one.format for one in report.files} == {"markdown"}
    assert sorted(Path(one.path).name for one in report.files) == ["notes.md", "plain.md"]
    assert [Path(path).name for path, _ in report.unknown] == ["talk.csv"]
    with zipfile.ZipFile(folder / "slack.zip", "w") as archive:
        archive.writestr("users.json", "[]")
        archive.writestr("general/2024-01-01.json", json.dumps([{"ts": "1700000000.1", "user": "U", "text": "hi"}]))
    report = await memory.import_file(folder, format="slack")
    assert [(one.format, Path(one.path).name, one.imported) for one in report.files if not one.error] == [
        ("slack", "slack.zip", 1)
    ]


async def test_a_folder_with_a_list_of_people_is_no_export_of_slack(memory: AsyncMemory, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    (folder / "logs").mkdir(parents=True)
    (folder / "users.json").write_text('[{"id": 1, "name": "ada"}]')
    (folder / "logs" / "2024-01-01.json").write_text('[{"text": "started", "at": "2024-01-01T10:00:00Z"}]')
    (folder / "notes.md").write_text("# Notes\n\nText.\n")
    report = await memory.import_file(folder)
    assert {one.format for one in report.files} == {"json", "markdown"}
    assert [Path(path).name for path, _ in report.unknown] == ["users.json"]


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
