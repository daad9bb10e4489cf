# ruff: noqa: E501 - a sample a line
"""Every text of a record ends up in what was said or in its metadata, or is counted in the report with a reason."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mnemon.adapters.importers import Utterance, open_import
from tests.adapters.chat_samples import CLAUDE_CODE, CODEX, DISCORD, GEMINI, OPENAI, SHAREGPT, TELEGRAM, jsonl
from tests.adapters.test_import_fuzz import CHAT, CLAUDE, SLACK

#: Keys whose values say what a thing is, and are no text that anybody wrote.
STRUCTURE = {
    *("type", "role", "from", "sender", "id", "uuid", "timestamp", "created_at", "updated_at", "create_time", "time"),
    *(
        "date",
        "date_unixtime",
        "ts",
        "thread_ts",
        "subtype",
        "content_type",
        "header",
        "products",
        "arguments",
        "mapping",
    ),
    *("current_node", "parent", "children", "conversation_id", "sessionId", "user", "bot_id", "author", "model_slug"),
    *("media_type", "exportedAt", "action", "parentUuid", "leafUuid", "href", "title", "call_id", "tool_call_id"),
}


class Marked:
    """A record whose texts each have a mark of their own."""

    def __init__(self) -> None:
        self.marks: list[str] = []

    def of(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.of(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner, key) for inner in value]
        if isinstance(value, str) and value and key not in STRUCTURE:
            self.marks.append(f"mark{len(self.marks):03d}x")
            return f"{value} {self.marks[-1]}"
        return value


RICH_SLACK: dict[str, Any] = {
    "ts": "1700000000.1", "user": "U", "text": "", "type": "message",
    "blocks": [
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "text", "text": "Build"}, {"type": "link", "url": "http://x", "text": "here"}]}]},
        {"type": "section", "text": {"type": "mrkdwn", "text": "A section"}, "fields": [{"type": "plain_text", "text": "field"}],
         "accessory": {"type": "button", "text": {"type": "plain_text", "text": "Press"}, "value": "v"}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "context"}, {"type": "image", "alt_text": "a boat", "image_url": "http://i"}]},
        {"type": "header", "text": {"type": "plain_text", "text": "Head"}},
    ],
    "attachments": [{"pretext": "before", "title": "T", "text": "body", "fields": [{"title": "f", "value": "v"}], "footer": "foot", "fallback": "fall", "author_name": "au"}],
    "files": [{"name": "plan.pdf", "title": "The plan", "preview": "first lines"}], "topic": "about",
}  # fmt: skip
RICH_CLAUDE = {**CLAUDE, "summary": "what it was about", "chat_messages": [
    {**CLAUDE["chat_messages"][0], "attachments": [{"file_name": "a.txt", "file_type": "text", "extracted_content": "inside the file"}],
     "files": [{"file_name": "b.png", "file_kind": "image"}]}]}  # fmt: skip

RECORDS: dict[str, tuple[str, Any]] = {
    "telegram": ("result.json", TELEGRAM),
    "discord": ("general.json", DISCORD),
    "sharegpt": ("a.json", [SHAREGPT]),
    "openai": ("a.jsonl", OPENAI),
    "gemini": ("a.json", [GEMINI]),
    "claude-code": ("a.jsonl", CLAUDE_CODE[3]),
    "codex": ("a.jsonl", CODEX[1]),
    "chatgpt": ("conversations.json", [CHAT]),
    "claude": ("conversations.json", [RICH_CLAUDE]),
    "slack": ("slack.zip", RICH_SLACK),
    "slack-bot": ("slack.zip", SLACK),
    "json": ("a.json", [{"text": "hello", "mood": "good", "deep": {"note": ["x", {"y": "z"}]}, "speaker": {"name": "R", "team": "t"}}]),
}  # fmt: skip


@pytest.mark.parametrize("format_", sorted(RECORDS))
def test_each_text_is_somewhere(tmp_path: Path, format_: str) -> None:
    name, record = RECORDS[format_]
    marked = Marked()
    whole = marked.of(record)
    path = tmp_path / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("users.json", "[]")
            archive.writestr("c/2024-01-01.json", json.dumps([whole]))
    else:
        path.write_text(jsonl(whole) if name.endswith("l") else json.dumps(whole))
    opened = open_import(path, format=format_.removesuffix("-bot"))
    everything = json.dumps(
        [
            [r.text, r.speaker, r.conversation, r.conversation_title, r.tags, r.metadata]
            for r in opened
            if isinstance(r, Utterance)
        ]
    )
    assert marked.marks
    lost = [mark for mark in marked.marks if mark not in everything]
    # What is in neither is counted, part by part.
    assert len(lost) <= sum(opened.left_out.values()), (lost, whole, everything)


def test_the_extracted_text_of_an_attachment_is_said(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([RICH_CLAUDE]))
    (one,) = [record for record in open_import(path) if isinstance(record, Utterance)]
    assert "inside the file" in one.text
    assert one.metadata["attachments"] == ["a.txt", "b.png"]


def test_blocks_and_attachments_of_slack_are_said(tmp_path: Path) -> None:
    path = tmp_path / "slack.zip"
    days = [RICH_SLACK, {"ts": "1700000001.1", "bot_id": "B9", "subtype": "bot_message", "text": "built"}]
    with zipfile.ZipFile(path, "w") as archive:
        bot = {"id": "U9", "name": "ci", "is_bot": True, "profile": {"bot_id": "B9", "real_name": "Builder"}}
        archive.writestr("users.json", json.dumps([bot]))
        archive.writestr("c/2024-01-01.json", json.dumps(days))
    rich, bot_said = [record for record in open_import(path) if isinstance(record, Utterance)]
    for words in (
        "Build",
        "here (http://x)",
        "A section",
        "field",
        "Press",
        "context",
        "a boat",
        "Head",
        "before",
        "body",
        "f: v",
        "foot",
    ):
        assert words in rich.text
    assert (bot_said.speaker, bot_said.role) == ("Builder", "assistant")


def test_a_date_that_cannot_be_read_is_kept_as_it_is(tmp_path: Path) -> None:
    talk = {**CLAUDE, "created_at": "2026-03-01T08:00:00Z"}
    talk["chat_messages"] = [{**CLAUDE["chat_messages"][0], "created_at": "some day"}]
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([talk]))
    (one,) = [record for record in open_import(path) if isinstance(record, Utterance)]
    assert one.at is not None
    assert (one.at.isoformat(), one.metadata["date"]) == ("2026-03-01T08:00:00+00:00", "some day")
