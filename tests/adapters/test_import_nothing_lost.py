# ruff: noqa: E501 - a sample a line
"""Every text of every sample ends up in what was said or in its metadata, or is counted in the report with a reason.

Which texts those are is written down one by one: a text that is lost, and one that is counted and lost no more, fail.
"""

from __future__ import annotations

import csv
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mnemon.adapters.importers import Utterance, open_import
from tests.adapters.chat_samples import ACCOUNT, CLAUDE_CODE, CODEX, DISCORD, GEMINI, OPENAI, SHAREGPT, TELEGRAM, jsonl
from tests.adapters.test_import_fuzz import CHAT, CLAUDE, LOCOMO, SLACK


class Marked:
    """A record in which each text has a mark of its own, but for those that decide how it is read.

    Attributes:
        marks: the way to each text, by its mark: keys and ``*`` for a place in a list.
    """

    def __init__(self, as_it_is: str) -> None:
        self.marks: dict[str, str] = {}
        self._as_it_is = set(as_it_is.split())
        self.used: set[str] = set()

    def of(self, value: Any, way: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.of(inner, f"{way}.{name}".lstrip(".")) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(inner, f"{way}.*".lstrip(".")) for inner in value]
        if not isinstance(value, str) or not value:
            return value
        if way in self._as_it_is:
            self.used.add(way)
            return value
        mark = f"mark{len(self.marks):03d}x"
        self.marks[mark] = way
        return f"{value} {mark}"

    @property
    def unused(self) -> set[str]:
        """The ways that no text is at: what is written down of a format is of its sample."""
        return self._as_it_is - self.used


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


@dataclass(frozen=True)
class Case:
    """A sample, and what becomes of its texts.

    Attributes:
        name: the name of the file.
        record: the sample; a tuple is a line each.
        as_it_is: the ways of dates, ids that others refer to, and words that say what a thing is: with a mark in them
            it would be no sample of the format.
        lost: the ways of texts that become neither text nor metadata, each of them in `left_out`.
        left_out: what the report says of them, reason by reason; and of what has no text.
    """

    name: str
    record: Any
    as_it_is: str = ""
    lost: str = ""
    left_out: dict[str, int] = field(default_factory=dict)


CHAT_OF_TELEGRAM = (
    "type messages.*.type messages.*.date messages.*.date_unixtime messages.*.media_type messages.*.text.*.type"
)
CASES: dict[str, Case] = {
    "telegram": Case("result.json", TELEGRAM, CHAT_OF_TELEGRAM),
    "telegram/account": Case(
        "result.json", ACCOUNT, " ".join(f"chats.list.*.{way}" for way in CHAT_OF_TELEGRAM.split()),
        "about chats.about contacts.list.*.first_name personal_information.first_name",
        {f"texts under `{key}`, outside of messages": 1 for key in ("about", "chats", "contacts", "personal_information")},
    ),
    "discord": Case("general.json", DISCORD, "messages.*.type messages.*.timestamp", "exportedAt", {"texts under `exportedAt`, outside of messages": 1}),
    "sharegpt": Case("a.json", [SHAREGPT], "*.conversations.*.from"),
    "openai": Case("a.jsonl", (OPENAI,), "*.messages.*.role *.messages.*.content.*.type"),
    "gemini": Case("a.json", [GEMINI], "*.time *.header *.products.*"),
    "claude-code": Case(
        "a.jsonl", CLAUDE_CODE,
        "*.type *.timestamp *.leafUuid *.message.role *.message.content.*.type *.message.content.*.content.*.type",
        "*.message.content.*.signature *.message.content.*.thinking *.messageId *.toolUseResult.stdout",
        {"a model's reasoning": 1, "results of tools a second time": 1, "entries of the log without words (`file-history-snapshot`)": 1},
    ),
    "codex": Case(
        "a.jsonl", CODEX, "*.type *.timestamp *.payload.type *.payload.role *.payload.content.*.type",
        "*.payload.encrypted_content", {"a model's reasoning": 1},
    ),
    "chatgpt": Case(
        "conversations.json", [CHAT],
        "*.current_node *.mapping.a.id *.mapping.a.message.author.role *.mapping.a.message.content.content_type",
    ),
    "claude": Case(
        "conversations.json", [RICH_CLAUDE],
        "*.account.uuid *.chat_messages.*.sender *.chat_messages.*.created_at *.chat_messages.*.content.*.type",
    ),
    "slack": Case("slack.zip", [RICH_SLACK], "*.ts *.type *.blocks.*.type *.blocks.*.elements.*.type *.blocks.*.text.type"),
    "slack/bot": Case("slack.zip", [SLACK], "*.ts *.thread_ts *.subtype *.user *.bot_id"),
    "locomo": Case(
        "a.json", [LOCOMO], "*.conversation.session_1_date_time *.sessions.*.date_time",
        " ".join(f"*.conversation.session_1.*.{key}" for key in ("blip_caption", "dia_id", "speaker", "text")),
        {"`conversation` of a sample with `sessions`, which is no turn": 1},
    ),
    "locomo/paper": Case(
        "a.json", [{key: value for key, value in LOCOMO.items() if key != "sessions"}], "*.conversation.session_1_date_time",
    ),
    "json": Case("a.json", [{"text": "hello", "mood": "good", "deep": {"note": ["x", {"y": "z"}]}, "speaker": {"name": "R", "team": "t"}}]),
    "jsonl": Case("b.jsonl", ({"text": "hello", "mood": "good", "deep": {"note": ["x"]}, "speaker": {"name": "R", "team": "t"}, "tags": ["a"], "metadata": {"k": "v"}},)),
    "csv": Case("a.csv", [{"text": "hello", "speaker": "Rosa", "mood": "good", "conversation": "talk"}]),
}  # fmt: skip


def write(path: Path, record: Any) -> None:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("users.json", "[]")
            archive.writestr("c/2024-01-01.json", json.dumps(record))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as stream:
            rows = csv.DictWriter(stream, record[0].keys())
            rows.writeheader()
            rows.writerows(record)
    else:
        path.write_text(jsonl(*record) if path.suffix == ".jsonl" else json.dumps(record))


@pytest.mark.parametrize("case", CASES)
def test_each_text_is_said_or_kept_or_counted(tmp_path: Path, case: str) -> None:
    told = CASES[case]
    marked = Marked(told.as_it_is)
    whole = marked.of(told.record)
    path = tmp_path / told.name
    write(path, whole)
    opened = open_import(path, format=case.split("/")[0])
    records = list(opened)
    assert all(isinstance(one, Utterance) for one in records), records
    said = [one for one in records if isinstance(one, Utterance)]
    everything = json.dumps(
        [
            [
                one.text,
                one.speaker,
                one.conversation,
                one.conversation_title,
                one.session,
                one.source_id,
                one.tags,
                one.metadata,
            ]
            for one in said
        ]
    )
    lost = sorted({way for mark, way in marked.marks.items() if mark not in everything})
    assert marked.marks
    assert (lost, dict(opened.left_out), marked.unused) == (sorted(told.lost.split()), told.left_out, set())


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
