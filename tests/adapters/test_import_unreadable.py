"""Files that are damaged, gone or not to be read: an error of ours that says what to do, and of that file alone."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnemon.adapters.folders import plan_of
from mnemon.adapters.importers import Broken, Utterance, detect, open_import
from mnemon.core.errors import Invalid, MnemonError
from tests.adapters.chat_samples import EML, FILES


@contextmanager
def as_nobody() -> Iterator[None]:
    """Act as a user who may read what everybody may, also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that everybody may look into."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


def damaged_zip(path: Path, name: str, content: bytes) -> Path:
    """An archive in which one file's packed bytes are others."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        info = archive.getinfo(name)
        begin = info.header_offset + 30 + len(name)
    raw = bytearray(path.read_bytes())
    for at in range(begin + 20, begin + info.compress_size):
        raw[at] ^= 0x5A
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_digest_of_a_damaged_file_of_an_archive_is_an_error_of_ours(tmp_path: Path, method: int) -> None:
    name, content = FILES["telegram"]
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
        begin = archive.getinfo(name).header_offset + 30 + len(name)
        size = archive.getinfo(name).compress_size
    raw = bytearray(path.read_bytes())
    raw[begin + size - 40 : begin + size - 20] = bytes(20)
    path.write_bytes(raw)
    opened = open_import(path, format="telegram", member=name)
    with pytest.raises(Invalid, match=r"cannot be unpacked: .+ download it again") as caught:
        _ = opened.fingerprint
    assert caught.value.code == "invalid.import.zip"


def test_a_mail_that_is_damaged_or_gone_is_one_broken_record(tmp_path: Path) -> None:
    place = tmp_path / "Mail"
    for folder in ("cur", "new"):
        (place / folder).mkdir(parents=True)
    (place / "cur" / "1").write_bytes(EML)
    (place / "cur" / "2").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff\xff not deflated")
    (place / "cur" / "3").write_bytes(EML.replace(b"<1@x>", b"<3@x>"))
    (place / "cur" / "4").write_bytes(EML.replace(b"<1@x>", b"<4@x>"))
    opened = open_import(place)
    (place / "cur" / "3").unlink()
    assert opened.fingerprint
    first, second, third, fourth = opened
    assert isinstance(first, Utterance)
    assert isinstance(second, Broken)
    assert isinstance(third, Broken)
    assert isinstance(fourth, Utterance)
    assert "cannot be read" in third.reason
    assert opened.bytes_read == opened.total_bytes


@pytest.mark.parametrize("format_", sorted(FILES))
def test_a_file_that_has_gone_is_named(tmp_path: Path, format_: str) -> None:
    name, content = FILES[format_]
    path = tmp_path / name
    path.write_bytes(content)
    opened = open_import(path, format=format_)
    path.unlink()
    if format_ == "eml":
        (one,) = opened
        assert isinstance(one, Broken)
        assert "No such file" in one.reason
        return
    with pytest.raises(Invalid, match=r"cannot be read: No such file or directory\. It was there before"):
        list(opened)


def test_what_may_not_be_read_is_named_and_the_rest_is_planned(open_place: Path) -> None:
    folder = open_place / "exports"
    for inner in ("open", "shut"):
        (folder / inner).mkdir(parents=True)
        (folder / inner / "a.jsonl").write_text('{"text": "hello"}\n')
    (folder / "shut.jsonl").write_text('{"text": "hello"}\n')
    (folder / "shut").chmod(0)
    (folder / "shut.jsonl").chmod(0)
    try:
        with as_nobody():
            plan = plan_of(folder, None)
            with pytest.raises(Invalid, match=r"cannot be read: Permission denied\. Check who may read it"):
                plan_of(folder / "shut", None)
            with pytest.raises(Invalid, match="cannot be read: Permission denied"):
                plan_of(folder / "shut" / "a.jsonl", None)
            for format_ in (None, "jsonl", "text"):
                with pytest.raises(Invalid, match="cannot be read: Permission denied"):
                    open_import(folder / "shut.jsonl", format=format_)
    finally:
        (folder / "shut").chmod(0o755)
    assert plan is not None
    assert [Path(target.name).parent.name for target in plan.targets] == ["open"]
    assert sorted(Path(path).name for path, _ in plan.failed) == ["shut", "shut.jsonl"]
    assert plan.unknown == []


def test_a_folder_whose_name_is_too_long_is_an_error_of_ours(tmp_path: Path) -> None:
    for call in (detect, open_import):
        with pytest.raises(MnemonError):
            call(tmp_path / ("x" * 300))
    with pytest.raises(MnemonError):
        plan_of(tmp_path / ("x" * 300), None)


def test_an_archive_that_is_damaged_within_is_planned_without_that_file(tmp_path: Path) -> None:
    path = damaged_zip(tmp_path / "a.zip", "talk.csv", FILES["csv"][1] * 50)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(*FILES["telegram"])
        archive.writestr("empty.json", b"")
        archive.writestr("readme.html", b"<p>hello</p>")
        archive.writestr("mail.eml", EML)
        archive.writestr("b.jpg", b"x")
        archive.writestr("c.jpg", b"x")
    plan = plan_of(path, None)
    assert plan is not None
    assert [target.member for target in plan.targets] == ["result.json"]
    assert sorted(Path(name).name for name, _ in plan.unknown) == ["empty.json", "readme.html"]
    assert plan.left_out == {
        "files of an archive that are no texts (`.eml`)": 1,
        "files of an archive that are no texts (`.jpg`)": 2,
    }
    assert [Path(name).name for name, _ in plan.failed] == ["talk.csv"]
