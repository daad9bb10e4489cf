"""Documents, tables, arrays, transcripts and mails in files of their own; in every encoding, and packed."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mnemon.adapters.importers import Broken, Utterance, open_import
from mnemon.adapters.importers.charsets import in_characters
from mnemon.core.errors import Invalid
from tests.adapters.chat_samples import CSV, EML, FILES, MARKDOWN, WEBVTT
from tests.adapters.test_import_chats import opened, told


def test_markdown_in_pieces(tmp_path: Path) -> None:
    one, said = opened(tmp_path / "pump.md", MARKDOWN)
    assert one.format == "markdown"
    assert [one.text for one in said] == [
        "Top\n\nIntro.",
        "Parts\n\nA valve.\n\n```\n# no heading\n\ncode\n```",
        "Below\n\nThe end.",
    ]
    assert [one.metadata["heading"] for one in said] == ["Top", "Top > Parts", "Top > Below"]
    assert said[1].metadata["previous"] == said[0].source_id
    assert {(one.conversation, one.conversation_title, one.speaker) for one in said} == {("pump", "The pump", "Rosa")}
    assert (said[0].at, said[0].tags) == (datetime(2024, 1, 2, tzinfo=UTC), ("pump", "boat"))
    assert said[0].metadata["front_matter"]["title"] == "The pump"


def test_long_texts_are_cut_between_paragraphs_and_keep_all_of_them(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {n} " + "word " * 60 for n in range(40)]
    one, said = opened(tmp_path / "book.txt", "\n\n".join(paragraphs))
    assert one.format == "text"
    assert len(said) > 5
    assert [part.strip() for piece in said for part in piece.text.split("\n\n")] == [p.strip() for p in paragraphs]
    _, again = opened(tmp_path / "book.txt", "\n\n".join([*paragraphs, "More."]))
    assert {one.source_id for one in said[:-1]} <= {one.source_id for one in again}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_tables(tmp_path: Path, encoding: str, separator: str) -> None:
    content = CSV.replace("there", "für").replace(";", separator).encode(encoding)
    one, said = opened(tmp_path / "talk.csv", content, zone=ZoneInfo("Europe/Oslo"))
    assert one.format == "csv"
    assert told(said) == [("Rosa", f'Hi{separator} für\nand "more"'), ("Ben", "yo")]
    assert (said[0].at, said[1].at) == (datetime(2024, 1, 1, 9, 0, tzinfo=UTC), None)
    assert said[0].metadata == {"mood": "good"}


def test_columns_of_a_table_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "talk.csv"
    path.write_text("Wann,Wer,Was\n2024-01-01,Rosa,hallo\n")
    one = open_import(path)
    (broken,) = list(one)
    assert isinstance(broken, Broken)
    assert one.keys_found() == ("Wann", "Wer", "Was")
    (said,) = list(open_import(path, columns={"text": "Was", "speaker": "Wer", "at": "Wann"}))
    assert isinstance(said, Utterance)
    assert (said.text, said.speaker, said.at) == ("hallo", "Rosa", datetime(2024, 1, 1, tzinfo=UTC))


def test_arrays_of_objects(tmp_path: Path) -> None:
    content = [{"body": "hello", "when": "2026-03-01"}, {"body": "hello", "when": "2026-03-01"}, 3]
    path = tmp_path / "talk.json"
    path.write_text(json.dumps(content))
    with pytest.raises(Invalid, match=r"closest are `json` .* and `jsonl` .* keys `body`, `when`"):
        open_import(path)
    first, second, broken = list(open_import(path, format="json", columns={"text": "body", "at": "when"}))
    assert isinstance(first, Utterance)
    assert isinstance(second, Utterance)
    assert (first.text, first.at) == ("hello", datetime(2026, 3, 1, tzinfo=UTC))
    assert first.source_id != second.source_id
    assert isinstance(broken, Broken)


def test_transcripts(tmp_path: Path) -> None:
    one, said = opened(tmp_path / "GMT20240101-100000_Recording.vtt", WEBVTT)
    assert told(said) == [("Rosa", "Hello & welcome"), ("Ben", "good\nmorning")]
    assert said[1].at == datetime(2024, 1, 1, 10, 0, 5, tzinfo=UTC)
    assert said[0].metadata == {"start": "0:00:01", "end": "0:00:04", "cue": "1"}
    assert one.left_out == {"the head of a transcript": 1, "notes of a transcript": 1}


def test_single_mails_and_maildirs(tmp_path: Path) -> None:
    _, (one,) = opened(tmp_path / "mail.eml", EML)
    assert (one.text, one.speaker, one.at) == ("Hello.", "Rosa", datetime(2024, 1, 1, 9, 0, tzinfo=UTC))
    place = tmp_path / "Mail"
    for folder in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new"):
        (place / folder).mkdir(parents=True)
    (place / "cur" / "1.x:2,S").write_bytes(EML)
    (place / "new" / "2.x").write_bytes(EML.replace(b"<1@x>", b"<2@x>"))
    (place / ".Sent" / "cur" / "3.x").write_bytes(EML.replace(b"<1@x>", b"<3@x>"))
    (place / "tmp" / "4.x").write_bytes(EML)
    opened_dir = open_import(place)
    assert opened_dir.format == "maildir"
    records = list(opened_dir)
    assert [record.source_id for record in records if isinstance(record, Utterance)] == ["1@x", "2@x", "3@x"]
    for number, record in enumerate(records, 1):
        assert list(open_import(place, start=record.position)) == records[number:]
    with pytest.raises(Invalid, match="not a Maildir"):
        open_import(tmp_path / ".." / tmp_path.name, format="maildir")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Привет, как дела? Это письмо написано давно."),
        ("koi8_r", "Привет, как дела? Это письмо написано давно."),
        ("cp1252", "Überraschung: café für Jørgen – bis später"),
        ("shift_jis", "東京に引っ越しました。明日は会議があります。"),
        ("gb18030", "我喜欢喝绿茶，明天我们去北京开会。"),
        ("euc_kr", "나는 서울에 살아요. 내일 회의가 있습니다."),
        ("cp1253", "Καλημέρα, τι κάνεις; Αύριο έχουμε συνάντηση."),
    ],
)
def test_an_encoding_that_nobody_knows_is_found_out(tmp_path: Path, encoding: str, text: str) -> None:
    raw = text.encode(encoding)
    assert in_characters(raw, "x-unknown") == in_characters(raw) == in_characters(raw, "us-ascii") == text
    mail = EML.replace(b"charset=utf-8", b"charset=x-unknown").replace(b"Hello.", raw)
    _, (one,) = opened(tmp_path / "mail.eml", mail)
    assert one.text == text
    headed = EML.replace(b"Subject: Hi", b"Subject: " + raw)
    _, (one,) = opened(tmp_path / "mail.eml", headed)
    assert one.metadata["subject"] == text


def test_a_mail_whose_date_cannot_be_read_has_the_next_best_and_says_its_own(tmp_path: Path) -> None:
    undated = EML.replace(b"Mon, 1 Jan 2024 10:00:00 +0100", b"never")
    _, (one,) = opened(tmp_path / "a.eml", undated)
    assert (one.at, one.metadata["date"]) == (None, "never")
    received = b"Received: from a by b; Mon, 1 Jan 2024 10:00:00 +0000\r\n" + undated
    _, (one,) = opened(tmp_path / "a.eml", received)
    assert (one.at, one.metadata["date"]) == (datetime(2024, 1, 1, 10, tzinfo=UTC), "never")
    _, (one,) = opened(tmp_path / "a.mbox", b"From a@x Mon Jan  1 11:00:00 2024\n" + undated.replace(b"\r", b""))
    assert (one.at, one.metadata["date"]) == (datetime(2024, 1, 1, 11, tzinfo=UTC), "never")


@pytest.mark.parametrize("format_", sorted(FILES))
def test_every_format_is_read_from_gzip(tmp_path: Path, format_: str) -> None:
    name, content = FILES[format_]
    (tmp_path / name).write_bytes(content)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    plain, packed = open_import(tmp_path / name), open_import(tmp_path / f"{name}.gz")
    assert (plain.format, packed.format) == (format_, format_)

    def read(one: object) -> list[tuple[str, str]]:
        return [(r.text, r.source_id) for r in one if isinstance(r, Utterance)]  # type: ignore[attr-defined]

    assert read(packed) == read(plain) != []


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("Mon, 1 Jul 2024 12:00:00 +0100", 11),
        ("Mon, 1 Jul 2024 12:00:00 GMT", 12),
        ("Mon, 1 Jul 2024 12:00:00 -0000", 12),
        ("Mon, 1 Jul 2024 12:00:00", 10),
    ],
)
@pytest.mark.parametrize("kind", ["eml", "mbox"])
def test_a_date_without_an_offset_is_in_the_zone_of_the_import(tmp_path: Path, kind: str, date: str, hour: int) -> None:
    mail = EML.replace(b"Mon, 1 Jan 2024 10:00:00 +0100", date.encode()).replace(b"\r\n", b"\n")
    content = mail if kind == "eml" else b"From r@x.example Mon Jul  1 10:00:00 2024\n" + mail
    _, (one,) = opened(tmp_path / f"mail.{kind}", content, zone=ZoneInfo("Europe/Oslo"))
    assert one.at == datetime(2024, 7, 1, hour, 0, tzinfo=UTC)


def test_the_date_before_a_mail_in_a_box_is_in_utc(tmp_path: Path) -> None:
    mail = b"From r@x.example Mon Jul  1 10:00:00 2024\nFrom: Rosa <r@x.example>\n\nHello.\n"
    _, (one,) = opened(tmp_path / "mail.mbox", mail, zone=ZoneInfo("Europe/Oslo"))
    assert one.at == datetime(2024, 7, 1, 10, 0, tzinfo=UTC)


def test_a_maildir_is_known_again_without_its_mails_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "Mail"
    for folder in ("cur", "new"):
        (place / folder).mkdir(parents=True)
    for number in range(5):
        (place / "new" / f"{number}.x").write_bytes(EML.replace(b"<1@x>", b"<%d@x>" % number))
    begun = open_import(place)
    records = list(begun)
    read: list[Path] = []
    opening = Path.open

    def noted(path: Path, *given: Any, **named: Any) -> Any:
        read.append(path)
        return opening(path, *given, **named)

    monkeypatch.setattr(Path, "open", noted)
    known = open_import(place).fingerprint
    assert (known, read) == (begun.fingerprint, [])
    # Read by somebody, a mail goes to `cur` and its name says so: it is the same mail in the same place.
    (place / "new" / "2.x").rename(place / "cur" / "2.x:2,S")
    moved = open_import(place, start=records[2].position)
    assert moved.fingerprint == known
    assert [one.source_id for one in moved if isinstance(one, Utterance)] == ["3@x", "4@x"]
    # Another mail, another size, another time: another source.
    mail = place / "new" / "3.x"
    seen = mail.stat()
    os.utime(mail, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1))
    assert open_import(place).fingerprint != known
    os.utime(mail, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert open_import(place).fingerprint == known
    (place / "new" / "9.x").write_bytes(EML)
    assert open_import(place).fingerprint != known


def test_folders_for_mail_without_a_mail_are_no_maildir(tmp_path: Path) -> None:
    for folder in ("cur", "new"):
        (tmp_path / "Mail" / folder).mkdir(parents=True)
    with pytest.raises(Invalid, match="a directory without"):
        open_import(tmp_path / "Mail")
