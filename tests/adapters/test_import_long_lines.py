"""What is longer than a line or a message mostly is: it is kept whole, in pieces, or named; what follows is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mnemon.adapters.importers import Broken, Import, Utterance, limits, open_import
from tests.adapters.chat_samples import CLAUDE_CODE, CODEX, OPENAI, SHAREGPT, jsonl

_LINES: dict[str, tuple[dict[str, Any], ...]] = {
    "claude-code": CLAUDE_CODE[1:2],
    "codex": CODEX[:2],
    "openai": (OPENAI,),
    "sharegpt": (SHAREGPT,),
    "json": ({"text": "hello", "speaker": "Rosa"},),
}


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that are reached sooner: what happens there is the same."""
    for name in ("MAX_LINE", "MAX_MESSAGE_TEXT"):
        monkeypatch.setattr(limits, name, 256 * 1024)


def read(path: Path, format_: str) -> tuple[Import, list[Utterance], list[Broken]]:
    opened = open_import(path, format=format_)
    records = list(opened)
    said = [record for record in records if isinstance(record, Utterance)]
    return opened, said, [record for record in records if isinstance(record, Broken)]


@pytest.mark.parametrize("format_", _LINES)
def test_after_a_line_that_is_too_long_the_reading_goes_on(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "talk.jsonl"
    long = json.dumps({"padding": "x" * (limits.MAX_LINE + 100)})
    path.write_text(jsonl(*_LINES[format_]) + long + "\n" + jsonl(*_LINES[format_]))
    _, alone, _ = read_alone(tmp_path, format_)
    _, said, (broken,) = read(path, format_)
    number = len(_LINES[format_]) + 1
    assert [one.text for one in said][: len(alone)] == [one.text for one in alone]
    assert said[-1].text == alone[-1].text
    assert len(said) > len(alone)
    assert (broken.position.line, broken.reason) == (
        number,
        f"line {number}: the line has {len(long) + 1:,} bytes, more than {limits.MAX_LINE:,}",
    )


def read_alone(tmp_path: Path, format_: str) -> tuple[Import, list[Utterance], list[Broken]]:
    path = tmp_path / "alone.jsonl"
    path.write_text(jsonl(*_LINES[format_]) + "\n")
    return read(path, format_)


def test_a_document_of_one_long_line_is_read_as_one(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": f"{n} " + "word " * 900} for n in range(100)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"id": "d", "conversations": turns}))
    assert path.stat().st_size > limits.MAX_LINE
    _, said, broken = read(path, "sharegpt")
    assert (len(said), broken) == (100, [])


def test_a_message_of_whatsapp_has_as_many_lines_as_it_has(tmp_path: Path) -> None:
    lines = [f"line {n}" for n in range(25_000)]
    path = tmp_path / "chat.txt"
    path.write_text(
        "31.12.23, 23:58 - Ben: before\n31.12.23, 23:59 - Rosa: " + "\n".join(lines) + "\n1.1.24, 0:00 - Ben: after\n"
    )
    opened, said, broken = read(path, "whatsapp")
    assert broken == []
    assert not opened.left_out
    assert "\n".join(one.text for one in said if one.speaker == "Rosa").split("\n") == lines
    assert [one.text for one in said if one.speaker == "Ben"] == ["before", "after"]


@pytest.mark.parametrize("separator", ["\n", " "])
def test_a_message_of_whatsapp_longer_than_one_may_be_is_several(tmp_path: Path, separator: str) -> None:
    words = [f"w{n}" for n in range(90_000)]
    text = separator.join(words)
    assert len(text) > limits.MAX_MESSAGE_TEXT
    path = tmp_path / "chat.txt"
    path.write_text(f"31.12.23, 23:59 - Rosa: {text}\n1.1.24, 0:00 - Ben: after\n")
    opened, said, broken = read(path, "whatsapp")
    assert (broken, opened.left_out) == ([], {})
    assert {one.speaker for one in said[:-1]} == {"Rosa"}
    assert "".join("".join(one.text.split()) for one in said[:-1]) == "".join(words)
    assert len({one.source_id for one in said}) == len(said)
    assert (said[-1].speaker, said[-1].text) == ("Ben", "after")


@pytest.mark.parametrize("count", [3_000, 90_000])
def test_a_cue_has_as_many_lines_as_it_has(tmp_path: Path, count: int) -> None:
    lines = [f"w{n}" for n in range(count)]
    path = tmp_path / "call.vtt"
    text = "\n".join(lines)
    path.write_text(
        f"WEBVTT\n\n7\n00:01.000 --> 00:04.000\n<v Rosa>{text}</v>\n\n00:05.000 --> 00:06.000\nBen: after\n"
    )
    opened, said, broken = read(path, "webvtt")
    assert (broken, opened.left_out) == ([], {})
    assert "".join("".join(one.text.split()) for one in said[:-1]) == "".join(lines)
    assert {(one.speaker, one.metadata["start"], one.metadata["cue"]) for one in said[:-1]} == {
        ("Rosa", "0:00:01", "7")
    }
    assert (said[-1].speaker, said[-1].text) == ("Ben", "after")


def test_each_voice_of_a_cue_says_its_own(tmp_path: Path) -> None:
    path = tmp_path / "call.vtt"
    path.write_text("WEBVTT\n\n00:01.000 --> 00:04.000\n<v Rosa>Hi</v>\n<v.loud Ben>Hello</v>\n")
    _, said, _ = read(path, "webvtt")
    assert [(one.speaker, one.text) for one in said] == [("Rosa", "Hi"), ("Ben", "Hello")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251"])
def test_a_document_with_a_line_of_many_megabytes_is_read_to_its_end(tmp_path: Path, encoding: str) -> None:
    words = "Сегодня утром мы пошли на рынок и купили свежую рыбу хлеб и молоко".split() * 7_000
    path = tmp_path / "book.txt"
    path.write_bytes(("Начало книги.\n\n" + " ".join(words) + "\n\nКонец.\n").encode(encoding))
    _, said, broken = read(path, "text")
    assert broken == []
    whole = "".join("".join(one.text.split()) for one in said)
    assert whole == "Начало" + "книги." + "".join(words) + "Конец."


def test_a_row_that_is_too_long_is_counted_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "talk.csv"
    path.write_text(f"at,speaker,text\n,Rosa,first\n,Ben,{'x' * (limits.MAX_LINE + 9)}\n,Rosa,last\n")
    opened, said, broken = read(path, "csv")
    assert ([one.text for one in said], broken) == (["first", "last"], [])
    assert opened.left_out == {"lines of a table with more than 4 MB": 1}
