"""Talks with models: ShareGPT, OpenAI's messages, sessions of Claude Code and Codex, Gemini's activity."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mnemon.adapters.importers import Broken, Utterance, limits, open_import
from mnemon.core.errors import Invalid
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


def test_a_session_of_codex_that_was_forked_is_one(tmp_path: Path) -> None:
    head = {**CODEX[0], "payload": {**CODEX[0]["payload"], "id": "fork", "forked_from_id": "cx"}}
    other = {**CODEX[0], "payload": {**CODEX[0]["payload"], "id": "older", "instructions": "be long"}}
    one, said = opened(tmp_path / "rollout-2.jsonl", jsonl(head, *CODEX, other, CODEX[-1]))
    assert {record.conversation for record in said} == {"fork"}
    assert {record.source_id.split(":")[0] for record in said} == {"fork"}
    assert [record.text for record in said if record.role == "system"] == ["be brief", "be long"]
    assert one.left_out["heads of the sessions that it was forked from"] == 1


def card(title: str, when: str, answer: str, header: str = "Gemini Apps", files: str = "") -> str:
    cell = "content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1"
    return (
        '<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid">'
        f'<div class="header-cell mdl-cell mdl-cell--12-col"><p class="mdl-typography--title">{header}<br></p></div>'
        f'<div class="{cell}">{title}<br>{files}{when}<br>{answer}</div>'
        f'<div class="{cell} mdl-typography--text-right"></div>'
        '<div class="content-cell mdl-cell mdl-cell--12-col mdl-typography--caption"><b>Products:</b><br>&emsp;'
        f"{header}<br><b>Why is this here?</b><br>&emsp;This activity was saved.</div></div></div>"
    )


def page(*cards: str) -> str:
    return (
        "<html><head><title>My Activity History</title><style>.a { color: red }</style></head><body>"
        f'<div class="mdl-grid">{"".join(cards)}</div></body></html>'
    )


def test_gemini_as_a_page(tmp_path: Path) -> None:
    files = 'Attached 2 files.<br>-&nbsp; <a href="plan.pdf">plan.pdf</a><br>-&nbsp; <a href="b.png">b.png</a><br>'
    whole = page(
        card(
            "Prompted&nbsp;What is tea?",
            "May 1, 2024, 10:00:00\u202fAM UTC",
            "<p>Tea is <b>a drink</b>.</p><div>And &lt;more&gt;</div>",
        ),
        card(
            "Prompted a<br>- list<br>of two",
            "1 May 2024, 12:00:01 CEST",
            "<p>Yes</p><ul><li>one</li><li>two</li></ul>",
            files=files,
        ),
        card("Searched for&nbsp;tea", "May 1, 2024, 10:00:00\u202fAM UTC", "", header="Search"),
        card("Gefragt Und jetzt?", "01.05.2024, 14:00:02 Ortszeit", "Nichts."),
        card("Prompted And when?", "some day", "<p>Who knows</p>"),
    )
    one, said = opened(tmp_path / "MyActivity.html", whole, zone=ZoneInfo("Europe/Oslo"))
    assert one.format == "gemini"
    assert [(record.role, record.text) for record in said] == [
        ("user", "What is tea?"),
        ("assistant", "Tea is a drink.\n\nAnd <more>"),
        ("user", "a\n- list\nof two\n[file: plan.pdf]\n[file: b.png]"),
        ("assistant", "Yes\n\n- one\n\n- two"),
        ("user", "Und jetzt?"),
        ("assistant", "Nichts."),
        ("user", "And when?\nsome day"),
        ("assistant", "Who knows"),
    ]
    assert [record.at and record.at.hour for record in said[::2]] == [10, 10, 12, None]
    assert said[0].metadata["products"] == ["Gemini Apps"]
    assert said[0].metadata["Why is this here?"] == ["This activity was saved."]
    assert said[2].metadata["subtitles"] == [{"name": "Attached 2 files."}]
    assert one.left_out == {"activity of other products": 1}
    assert len({record.source_id for record in said}) == len(said)


def test_the_answer_is_the_same_from_a_page_and_from_json(tmp_path: Path) -> None:
    html = GEMINI["safeHtmlItem"][0]["html"]
    _, of_page = opened(tmp_path / "a.html", page(card(GEMINI["title"], "May 1, 2024, 10:00:00 AM UTC", html)))
    _, of_json = opened(tmp_path / "a.json", json.dumps([GEMINI]))
    assert [(one.text, one.role, one.at) for one in of_page] == [(one.text, one.role, one.at) for one in of_json]


def test_a_page_of_other_products_is_not_gemini_s_and_one_that_never_ends_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "MyActivity.html"
    path.write_text(page(card("Searched for tea", "May 1, 2024, 10:00:00 AM UTC", "", header="Search")))
    with pytest.raises(Invalid, match="no format that is known"):
        open_import(path)
    good = card("Prompted hi", "May 1, 2024, 10:00:00 AM UTC", "<p>ho</p>")
    path.write_text(page(good, good.replace("hi", "hm")) + "<a " + "x" * 1_200_000)
    *said, last = open_import(path)
    assert [one.text for one in said if isinstance(one, Utterance)] == ["hi", "ho", "hm", "ho"]
    assert isinstance(last, Broken)
    assert "never ends" in last.reason


def test_a_page_in_one_long_line_is_read_entry_by_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_LINE", 64 * 1024)
    path = tmp_path / "MyActivity.html"
    one = card("Prompted hi {}", "May 1, 2024, 10:00:00 AM UTC", "<p>" + "word " * 200 + "</p>")
    whole = page().removesuffix("</div></body></html>") + "".join(one.format(number) for number in range(400))
    path.write_text(whole)
    opened_page = open_import(path)
    records = iter(opened_page)
    first = next(records)
    assert isinstance(first, Utterance)
    assert first.text == "hi 0"
    assert opened_page.bytes_read < len(whole) / 2
    assert sum(isinstance(record, Utterance) for record in records) == 799
