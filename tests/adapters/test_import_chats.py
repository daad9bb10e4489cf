"""Chats: WhatsApp, Telegram and Discord."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mnemon.adapters.importers import Broken, Import, Utterance, open_import
from tests.adapters.chat_samples import ACCOUNT, ANDROID_US, DISCORD, FILES, IOS_DE, TELEGRAM


def opened(path: Path, content: str | bytes, **options: Any) -> tuple[Import, list[Utterance]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    one = open_import(path, **options)
    records = list(one)
    assert all(isinstance(record, Utterance) for record in records), records
    return one, [record for record in records if isinstance(record, Utterance)]


def told(said: list[Utterance]) -> list[tuple[str | None, str]]:
    return [(one.speaker, one.text) for one in said]


def test_whatsapp_of_an_american_android(tmp_path: Path) -> None:
    one, said = opened(tmp_path / "WhatsApp Chat with Rosa.txt", ANDROID_US, zone=ZoneInfo("America/New_York"))
    assert one.format == "whatsapp"
    assert told(said) == [
        (None, "Messages and calls are end-to-end encrypted. Tap to learn more."),
        ("Rosa Díaz", "Happy new year!\nand a second line\n\n: with a colon"),
        ("Ben", "IMG-20240101-WA0001.jpg (file attached)\nlook at this"),
        (None, 'Ben created group "Trip"'),
        (None, 'Ben changed the subject to "Trip: Oslo"'),
        ("Rosa Díaz", "Time: noon"),
    ]
    assert said[1].at == datetime(2024, 1, 1, 4, 59, tzinfo=UTC)
    assert said[2].at == datetime(2024, 1, 1, 5, 2, tzinfo=UTC)
    assert said[5].at == datetime(2024, 1, 1, 17, 5, tzinfo=UTC)
    assert [one.role for one in said] == ["system", "user", "user", "system", "system", "user"]
    assert said[2].metadata == {"attachments": ["IMG-20240101-WA0001.jpg"]}
    assert one.left_out == {"media that the export leaves out": 1}


def test_whatsapp_of_a_german_iphone_in_the_zip_as_it_is_exported(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat - Rosa.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", IOS_DE)
        archive.writestr("00000001-PHOTO.jpg", b"\xff\xd8")
    one = open_import(path)
    said = [record for record in one if isinstance(record, Utterance)]
    assert told(said) == [("Rosa", "Hallo: Welt"), ("Ben", "ja")]
    assert said[1].metadata == {"edited": True}
    assert said[0].conversation == "WhatsApp Chat - Rosa"
    assert one.left_out == {"media that the export leaves out": 1, "messages that were deleted": 1}


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("31/12/2023, 23:59 - Rosa: x", (2023, 12, 31, 23, 59)),
        ("31/12/2023 23:59 - Rosa: x", (2023, 12, 31, 23, 59)),
        ("31.12.23, 23:59 - Rosa: x", (2023, 12, 31, 23, 59)),
        ("31-12-23 23:59 - Rosa: x", (2023, 12, 31, 23, 59)),
        ("2023-12-31, 23:59 - Rosa: x", (2023, 12, 31, 23, 59)),
        ("2023/12/31 23:59 - Rosa: x", (2023, 12, 31, 23, 59)),
        ("31/12/23, 11:59 p.\u00a0m. - Rosa: x", (2023, 12, 31, 23, 59)),
        ("31/12/23, 11:59 a. m. - Rosa: x", (2023, 12, 31, 11, 59)),
        ("31/12/2023 à 23:59 - Rosa: x", (2023, 12, 31, 23, 59)),
        ("2023/12/31 下午11:59 - Rosa: x", (2023, 12, 31, 23, 59)),
        ("2023년 12월 31일 오후 11:59, Rosa : x", (2023, 12, 31, 23, 59)),
        ("[12/31/23, 11:59:58\u202fPM] Rosa: x", (2023, 12, 31, 23, 59, 58)),
        ("[31/12/23, 11:59:58 pm] Rosa: x", (2023, 12, 31, 23, 59, 58)),
        ("[2023/12/31 23:59:58] Rosa: x", (2023, 12, 31, 23, 59, 58)),
        ("[31.12.23, 23:59:58] ~\u202fRosa: x", (2023, 12, 31, 23, 59, 58)),
        ("\u200f٣١/١٢/٢٠٢٣, ١١:٥٩ م - Rosa: x", (2023, 12, 31, 23, 59)),
        ("31/12/2566 23:59 - Rosa: x", (2023, 12, 31, 23, 59)),
        ("12/31/23, 12:00 AM - Rosa: x", (2023, 12, 31, 0, 0)),
        ("12/31/23, 12:00 PM - Rosa: x", (2023, 12, 31, 12, 0)),
    ],
)
def test_whatsapp_in_the_ways_of_the_world(tmp_path: Path, line: str, at: tuple[int, ...]) -> None:
    _, (one,) = opened(tmp_path / "chat.txt", line + "\n")
    assert (one.speaker, one.text) == ("Rosa", "x")
    assert one.at == datetime(*at, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("days", "month"),
    [
        (["1/2/2024", "3/2/2024", "13/2/2024"], 2),  # a thirteenth month does not exist
        (["1/2/2024", "1/3/2024", "1/13/2024"], 1),
        (["9/1/2024", "10/1/2024", "2/2/2024"], 1),  # in the order of time one way only
        (["1/9/2024", "1/10/2024", "2/2/2024"], 1),
    ],
)
def test_day_and_month_are_decided_from_the_whole_file(tmp_path: Path, days: list[str], month: int) -> None:
    _, said = opened(tmp_path / "chat.txt", "".join(f"{day}, 10:00 - Rosa: x\n" for day in days))
    assert said[0].at is not None
    assert said[0].at.month == month


def test_a_longer_later_chat_has_the_same_ids(tmp_path: Path) -> None:
    lines = [f"{1 + n // 9}/1/2024, 10:0{n % 9 // 3} - Rosa: yes\n" for n in range(40)]
    _, short = opened(tmp_path / "chat.txt", "".join(lines[:20]))
    _, long = opened(tmp_path / "chat.txt", "".join(lines))
    assert [one.source_id for one in long][:20] == [one.source_id for one in short]
    assert len({one.source_id for one in long}) == 40


def test_telegram_of_one_chat(tmp_path: Path) -> None:
    one, said = opened(tmp_path / "result.json", json.dumps(TELEGRAM), zone=ZoneInfo("Europe/Oslo"))
    assert one.format == "telegram"
    assert told(said) == [
        ("Rosa", "See the plan (https://x.example/p)!"),
        ("Ben", "Ben create group Trip Rosa, Ben"),
        ("Ben", "[photo: photos/1.jpg]"),
        ("Ben", "[sticker: 🎉]"),
        ("Ben", "[poll: Tea? / yes / no]"),
    ]
    assert said[0].at == datetime(2023, 12, 31, 22, 59, 59, tzinfo=UTC)
    assert said[1].at == datetime(2023, 12, 31, 23, 0, 0, tzinfo=UTC)
    assert (said[1].role, said[0].conversation, said[0].conversation_title) == ("system", "42", "Rosa")
    assert said[2].metadata["reply_to_message_id"] == 1
    assert said[2].metadata["forwarded_from"] == "Zed"


def test_telegram_of_an_account(tmp_path: Path) -> None:
    one, said = opened(tmp_path / "result.json", json.dumps(ACCOUNT))
    assert {one.conversation_title for one in said} == {"Rosa", "Saved Messages"}
    assert (said[-1].text, said[-1].source_id) == ("to myself", "7:1")
    assert one.left_out["texts under `contacts`, outside of messages"] == 1


def test_discord(tmp_path: Path) -> None:
    one, said = opened(tmp_path / "general.json", json.dumps(DISCORD))
    assert one.format == "discord"
    first, reply, join = said
    assert first.text == (
        "hello\nTide table\nHigh at nine\nLow: three\nharbour office\n[file: plan.pdf]\n[sticker: wave]"
    )
    assert (first.speaker, first.role, first.at) == ("Rosa", "user", datetime(2024, 1, 1, 9, 0, 0, 123_000, tzinfo=UTC))
    assert (first.conversation, first.conversation_title) == ("2", "Harbour / Text / general")
    assert first.metadata["channel"]["topic"] == "All about boats"
    assert (reply.speaker, reply.role, reply.metadata["reference"]["messageId"]) == ("tide", "assistant", "5")
    assert (join.text, join.role) == ("guild member join", "system")


@pytest.mark.parametrize("format_", sorted(FILES))
def test_each_is_known_by_what_is_in_it_and_resumes_from_everywhere(tmp_path: Path, format_: str) -> None:
    name, content = FILES[format_]
    named = format_ in ("text", "csv")
    path = tmp_path / (name if named else "export")
    path.write_bytes(content)
    one = open_import(path)
    assert one.format == format_
    records = list(one)
    assert records
    for number, record in enumerate(records, 1):
        assert not isinstance(record, Broken), record
        assert list(open_import(path, start=record.position)) == records[number:]


@pytest.mark.parametrize(
    ("format_", "content"),
    [
        ("telegram", json.dumps({**TELEGRAM, "messages": ["x", {"id": 1}, {"id": 2, "text": "ok", "date": "soon"}]})),
        (
            "discord",
            json.dumps({**DISCORD, "messages": [3, {"id": "1", "author": 3, "content": "ok", "timestamp": "x"}]}),
        ),
        ("whatsapp", "no stamp\n45/45/2024, 10:00 - Rosa: ok\n"),
    ],
)
def test_what_is_broken_does_not_stop_the_others(tmp_path: Path, format_: str, content: str) -> None:
    path = tmp_path / "export"
    path.write_text(content)
    records = list(open_import(path, format=format_))
    assert isinstance(records[0], Broken)
    last = records[-1]
    assert isinstance(last, Utterance)
    # The date that cannot be read is kept as it stands.
    assert (last.text, last.at) == ("ok", None)
    assert last.metadata["date"]
