"""Talks with models: ShareGPT, OpenAI's messages, sessions of Claude Code and Codex, Gemini's activity."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mnemon.adapters.importers import Broken, Utterance, open_import
from tests.adapters.chat_samples import CLAUDE_CODE, CODEX, GEMINI, OPENAI, SHAREGPT, jsonl
from tests.adapters.test_import_chats import opened, told


@pytest.mark.parametrize("form", ["array", "lines", "one"])
def test_sharegpt(tmp_path: Path, form: str) -> None:
    content = {
        "array": json.dumps([SHAREGPT]),
        "lines": jsonl(SHAREGPT, SHAREGPT),
        "one": json.dumps(SHAREGPT, indent=1),
    }
    one, said = opened(tmp_path / "train.json", content[form])
    assert one.format == "sharegpt"
    assert told(said)[:4] == [(None, "Be kind."), (None, "hi"), (None, "hello"), ("Rosa", "hm")]
    assert [one.role for one in said][:4] == ["system", "user", "assistant", "user"]
    assert {one.conversation for one in said} == {"a1"}
    assert said[2].metadata == {"weight": 1}


def test_dialogues_without_a_name_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    turns = [{"conversations": [{"from": "human", "value": f"hi {n}"}]} for n in range(3)]
    _, first = opened(tmp_path / "train.jsonl", jsonl(*turns))
    assert len({one.conversation for one in first}) == 3
    _, again = opened(tmp_path / "train.jsonl", jsonl(turns[2], *turns))
    assert {one.source_id for one in again} == {one.source_id for one in first}


def test_openai_messages(tmp_path: Path) -> None:
    one, said = opened(tmp_path / "train.jsonl", jsonl(OPENAI))
    assert one.format == "openai"
    assert [(one.role, one.text) for one in said] == [
        ("system", "You help."),
        ("user", "look at"),
        ("assistant", 'tides({"port": "Bergen"})'),
        ("tool", "09:00"),
        ("assistant", "I cannot say."),
    ]
    assert said[0].metadata["tools"][0]["function"]["description"] == "Tides of a port."
    assert said[1].speaker == "Rosa"
    assert "https://x.example/i.png" in json.dumps(said[1].metadata)
    assert said[2].metadata["weight"] == 0
    assert said[3].metadata["tool_call_id"] == "c1"


def test_a_session_of_claude_code(tmp_path: Path) -> None:
    one, said = opened(tmp_path / "s1.jsonl", jsonl(*CLAUDE_CODE))
    assert one.format == "claude-code"
    assert [(one.role, one.text) for one in said] == [
        ("user", "please mend it"),
        ("assistant", 'I will.\nBash({"command": "ls"})'),
        ("tool", "pump.py"),
    ]
    assert {(one.conversation, one.conversation_title) for one in said} == {("s1", "Mend the pump")}
    assert said[1].at == datetime(2025, 6, 1, 10, 0, 1, tzinfo=UTC)
    assert (said[1].speaker, said[0].metadata["gitBranch"]) == ("Claude", "main")
    assert one.left_out["a model's reasoning"] == 1
    more = {"type": "user", "uuid": "u9", "sessionId": "s1", "message": {"role": "user", "content": "and more"}}
    _, longer = opened(tmp_path / "s1.jsonl", jsonl(*CLAUDE_CODE, more))
    assert [one.source_id for one in longer][:3] == [one.source_id for one in said]


def test_a_session_of_codex(tmp_path: Path) -> None:
    one, said = opened(tmp_path / "rollout-1.jsonl", jsonl(*CODEX))
    assert one.format == "codex"
    assert [(one.role, one.text) for one in said] == [
        ("system", "be brief"),
        ("user", "do it"),
        ("assistant", 'shell({"command": ["ls"]})'),
        ("tool", "pump.py"),
        ("assistant", "Done."),
    ]
    assert {one.conversation for one in said} == {"cx"}
    assert one.left_out == {"events that repeat what was said": 1, "a model's reasoning": 1}
    old = [{"id": "old", "timestamp": "2025-05-01T00:00:00Z", "instructions": None}, CODEX[1]["payload"]]
    one, said = opened(tmp_path / "rollout-0.jsonl", jsonl(*old))
    assert (one.format, said[-1].text, said[-1].conversation) == ("codex", "do it", "old")


def test_gemini(tmp_path: Path) -> None:
    other = {"header": "Search", "title": "Searched for tea", "time": "2024-05-01T10:00:00Z", "products": ["Search"]}
    one, said = opened(tmp_path / "MyActivity.json", json.dumps([GEMINI, other]))
    assert one.format == "gemini"
    assert [(one.role, one.text) for one in said] == [("user", "What is tea?"), ("assistant", "Tea is a drink.")]
    assert (said[0].at, said[0].session) == (datetime(2024, 5, 1, 10, 0, tzinfo=UTC), "2024-05-01")
    assert one.left_out == {"activity of other products": 1}


@pytest.mark.parametrize("format_", ["sharegpt", "openai", "claude-code", "codex", "gemini"])
def test_lines_of_another_shape_are_named(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text(
        '{"messages": 3}\nnope\n{"type": "user", "message": {"content": 5}, "payload": {"type": "message"}}\n'
    )
    records = list(open_import(path, format=format_))
    assert any(isinstance(record, Broken) for record in records)
    assert not any(isinstance(record, Utterance) for record in records)
