"""Telling formats apart, and what is said of files that are none."""

from __future__ import annotations

import gzip
import json
import os
import threading
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mnemon.adapters.importers import Utterance, detect, formats, open_import
from mnemon.adapters.importers.dates import from_epoch, parse_locomo, parse_moment
from mnemon.core.errors import Invalid, NotFound

CHATGPT = [{"title": "t", "create_time": 1.5, "mapping": {}, "conversation_id": "c"}]
CLAUDE = [{"uuid": "u", "name": "n", "account": {"uuid": "a"}, "chat_messages": []}]
LOCOMO = [{"qa": [{"question": "q", "evidence": ["D1:1"]}], "conversation": {"session_1": []}, "sample_id": "s"}]
OURS = {"sample_id": "s", "speakers": ["a", "b"], "sessions": []}
MAIL = b"From a@example.org Mon Mar  2 10:00:00 2026\nFrom: a@example.org\n\nhi\n"


@pytest.mark.parametrize(
    ("name", "content", "format_"),
    [
        ("a.jsonl", b"anything at all", "jsonl"),
        ("a.NDJSON", b"{}", "jsonl"),
        ("a.jsonl.gz", gzip.compress(b"{}", mtime=0), "jsonl"),
        ("a.log", b'\xef\xbb\xbf{"text": "a"}\n{"text": "b"}\n', "jsonl"),
        ("a.txt", b'{"content": "a", "sessions": 3}', "jsonl"),
        ("a.jsonl", MAIL, "jsonl"),
        ("a.jsonl", b'{"kind": "head", "sessions": 3}\n{"kind": "turn"}\n', "jsonl"),
        ("a.jsonl.gz", json.dumps(CHATGPT).encode(), "jsonl"),
        ("a.mbox", b'{"text": "a"}\n', "mbox"),
        ("a.mbox", MAIL, "mbox"),
        ("Inbox", MAIL, "mbox"),
        ("a.json", json.dumps(CHATGPT).encode(), "chatgpt"),
        ("b.json", json.dumps(CLAUDE, indent=2).encode(), "claude"),
        ("c.json", json.dumps(LOCOMO).encode(), "locomo"),
        ("d.json", b"\n\n" + json.dumps(OURS).encode(), "locomo"),
        ("e.json", json.dumps(OURS, indent=1).encode(), "locomo"),
    ],
)
def test_a_file_is_known_by_name_or_content(tmp_path: Path, name: str, content: bytes, format_: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert detect(path) == format_


@pytest.mark.parametrize(
    ("entry", "value", "format_"),
    [
        ("conversations.json", CHATGPT, "chatgpt"),
        ("export/conversations-001.json", CHATGPT, "chatgpt"),
        ("conversations.json", CLAUDE, "claude"),
        ("channels.json", [], "slack"),
    ],
)
def test_an_archive_or_directory_is_known_by_what_is_in_it(
    tmp_path: Path, entry: str, value: Any, format_: str
) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, json.dumps(value))
    assert detect(path) == format_
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert detect(tmp_path / "unpacked") == format_


def test_what_is_no_format_says_which_there_are(tmp_path: Path) -> None:
    cases: list[tuple[str, bytes, str]] = [
        ("a.py", b"import os\n", r"closest are `\w+` \(it needs .+\) and `\w+` \(it needs .+\)"),
        ("c.json", b'[{"body": "a", "when": 1}]', "closest are `json` .* and `jsonl` .* keys `body`, `when`"),
        ("a.json", b'{"hello": "world"}', "no format that is known"),
        ("a.gz", gzip.compress(b"{}", mtime=0), "gzip of what is in no format"),
    ]
    for name, content, message in cases:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Invalid, match=message) as caught:
            detect(tmp_path / name)
        assert caught.value.data["formats"] == list(formats())
        assert f"The formats are {', '.join(formats())}." in str(caught.value)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("holiday.jpg", b"x")
    with pytest.raises(Invalid, match=r"a zip file without conversations\.json"):
        detect(tmp_path / "a.zip")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Invalid, match=r"a directory without conversations\.json"):
        detect(tmp_path / "folder")


@pytest.mark.parametrize("format_", [None, *formats()])
def test_missing_and_empty_files_are_refused_at_once(tmp_path: Path, format_: str | None) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        open_import(tmp_path / "nowhere.jsonl", format=format_)
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(Invalid, match=r"is empty\. Export it again"):
        open_import(tmp_path / "empty.jsonl", format=format_)


@pytest.mark.parametrize("format_", ["jsonl", "locomo", "mbox"])
def test_a_directory_is_no_file(tmp_path: Path, format_: str) -> None:
    with pytest.raises(Invalid, match="is a directory"):
        open_import(tmp_path, format=format_)


@pytest.mark.parametrize("format_", ["chatgpt", "claude", "slack", "mbox"])
def test_a_file_of_another_format_is_refused(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(Invalid, match=r"so it is not a|does not begin as an mbox"):
        open_import(path, format=format_)


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(LOCOMO))
    with pytest.raises(Invalid, match="`tea` is not a format"):
        open_import(path, format="tea")
    with pytest.raises(Invalid, match="`conversation` has no meaning for locomo"):
        open_import(path, conversation="x")
    with pytest.raises(Invalid, match="`columns` has no meaning for locomo"):
        open_import(path, columns={"text": "x"})
    (tmp_path / "utf16.jsonl").write_bytes('{"text": "a"}'.encode("utf-16"))
    with pytest.raises(Invalid, match="UTF-16"):
        open_import(tmp_path / "utf16.jsonl")


def test_a_pipe_is_read_once_as_jsonl(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert detect(fifo) == "jsonl"
    writer = threading.Thread(target=fifo.write_bytes, args=(b'{"text": "a"}\n{"text": "b"}\n',))
    writer.start()
    texts = [one.text for one in open_import(fifo) if isinstance(one, Utterance)]
    writer.join()
    assert texts == ["a", "b"]


def test_moments_are_read_as_others_write_them() -> None:
    noon = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    seconds = int(noon.timestamp())
    for written in (
        "2026-03-01T12:00:00Z",
        "2026-03-01T13:00:00+01:00",
        "2026-03-01 12:00",
        "2026-03-01 12:00:00 UTC",
        "20260301T120000Z",
        seconds,
        float(seconds),
        str(seconds),
        seconds * 1_000,
        seconds * 1_000_000,
        seconds * 1_000_000_000,
        Decimal(seconds),
    ):
        assert parse_moment(written) == noon
    assert parse_moment(None) is parse_moment("") is None
    assert parse_moment("1772366400.000200") == noon.replace(microsecond=200)
    assert from_epoch(-86_400) == datetime(1969, 12, 31, tzinfo=UTC)
    wrong: Any
    for wrong in ("tomorrow", True, [], float("nan"), Decimal("1e99999999"), 10**4000, "9999-12-31T23:59:59-10:00"):
        with pytest.raises(ValueError, match=r".+"):
            parse_moment(wrong)
    assert parse_locomo("12:09 am on 13 September, 2023") == datetime(2023, 9, 13, 0, 9, tzinfo=UTC)
    for wrong_date in ("25:00 am on 1 May, 2023", "1:00 pm on 32 May, 2023", "1:00 pm on 1 Floréal, 2023"):
        with pytest.raises(ValueError, match=r".+"):
            parse_locomo(wrong_date)
