"""Exports of conversations as JSON: LoCoMo, ChatGPT, Claude; and archives that are damaged or hostile."""

from __future__ import annotations

import json
import struct
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mnemon.adapters.importers import Broken, Record, Utterance, limits, open_import
from mnemon.core.errors import Invalid


def said(records: list[Record]) -> list[Utterance]:
    assert all(isinstance(record, Utterance) for record in records), records
    return [record for record in records if isinstance(record, Utterance)]


def dump(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def pack(path: Path, files: dict[str, Any], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as opened:
        for name, value in files.items():
            opened.writestr(name, value if isinstance(value, str | bytes) else json.dumps(value))
    return path


def assert_resumes(path: Path, records: list[Record]) -> None:
    for number, record in enumerate(records, 1):
        assert list(open_import(path, start=record.position)) == records[number:]


# LoCoMo

TURNS = [
    {"dia_id": "D1:1", "speaker": "Ada", "text": "Look at this!", "blip_caption": "a boat", "img_url": ["x"]},
    {"dia_id": "D1:2", "speaker": "Bo", "text": "Nice."},
]


@pytest.mark.parametrize(
    "shape",
    [
        {
            "speakers": ["Ada", "Bo"],
            "sessions": [{"session": 1, "date_time": "1:56 pm on 8 May, 2023", "turns": TURNS}],
        },
        {
            "qa": [],
            "conversation": {
                "speaker_a": "Ada",
                "speaker_b": "Bo",
                "session_1": TURNS,
                "session_1_date_time": "1:56 pm on 8 May, 2023",
                "session_2_date_time": "1:00 am on 9 May, 2023",
            },
        },
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_both_shapes_of_locomo_are_read(tmp_path: Path, shape: dict[str, Any], listed: bool) -> None:
    sample = {"sample_id": "conv-1", **shape}
    path = dump(tmp_path / "l.json", [sample] if listed else sample)
    a, b = said(list(open_import(path)))
    begin = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert (a.text, a.at, a.speaker, a.session) == ("Look at this! [image: a boat]", begin, "Ada", "session 1")
    assert (b.text, b.at, b.conversation_title) == ("Nice.", begin + timedelta(seconds=1), "Ada and Bo")
    assert (a.source_id, a.conversation) == ("conv-1:D1:1", "conv-1")
    assert a.metadata == {"dia_id": "D1:1", "image_caption": "a boat", "img_url": ["x"]}
    assert_resumes(path, [a, b])


def test_sessions_of_locomo_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    talk = {f"session_{n}": [{"dia_id": f"D{n}:1", "speaker": "A", "text": str(n)}] for n in (10, 2, 1)}
    path = dump(tmp_path / "l.json", [{"conversation": {**talk, "session_2_date_time": "once"}}, 3])
    *found, last = list(open_import(path, format="locomo"))
    assert [(one.text, one.conversation) for one in said(found)] == [("1", "l-1"), ("2", "l-1"), ("10", "l-1")]
    assert said(found)[1].at is None
    assert said(found)[1].metadata["date_time"] == "once"
    assert isinstance(last, Broken)
    assert last.reason == "sample 2: not an object"


def test_broken_turns_of_locomo_are_named(tmp_path: Path) -> None:
    turns = [
        {"dia_id": "D1:1", "text": " "},
        "what",
        {"dia_id": "D1:3", "text": "a\x00"},
        {"dia_id": "D1:4", "text": "ok"},
    ]
    sample = {"sample_id": "c", "sessions": [{"session": 1, "turns": turns}]}
    *broken, good = list(open_import(dump(tmp_path / "l.json", sample)))
    assert [record.reason for record in broken if isinstance(record, Broken)] == [
        "c, session 1, turn 1: the text is blank",
        "c, session 1, turn 2: not a turn with a text",
        "c, session 1, turn 3: `text` contains a NUL character",
    ]
    assert isinstance(good, Utterance)


# ChatGPT


def node(key: str, parent: str | None, role: str = "user", text: Any = None, **more: Any) -> dict[str, Any]:
    message = {"id": f"m-{key}", "author": {"role": role, "name": None}, "content": text, "create_time": None, **more}
    if isinstance(text, str):
        message["content"] = {"content_type": "text", "parts": [text]}
    return {"id": key, "parent": parent, "children": [], "message": message if text is not None else None}


def chat(*nodes: dict[str, Any], current: str | None, **more: Any) -> dict[str, Any]:
    mapping = {one["id"]: one for one in nodes}
    for one in nodes:
        if one["parent"] in mapping:
            mapping[one["parent"]]["children"].append(one["id"])
    found = {"conversation_id": "c1", "title": "Tides", "create_time": 1772352000.0, "mapping": mapping}
    return {**found, "current_node": current, **more}


PICTURE = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://x"}
SPEECH = {"content_type": "audio_transcription", "text": "spoken"}
CHAT = chat(
    node("root", None),
    node("sys", "root", "system", ""),
    node("ctx", "sys", "user", {"content_type": "user_editable_context", "user_profile": "secret"}),
    node("hid", "ctx", "system", "hidden", metadata={"is_visually_hidden_from_conversation": True}),
    node("u1", "hid", "user", "When is high water?", create_time=1772352001.25),
    node("a0", "u1", "assistant", "Regenerated away.", create_time=1772352002.0),
    node("a1", "u1", "assistant", "At nine\ue200cite\ue202turn0\ue201.", metadata={"model_slug": "gpt-5"}),
    node("th", "a1", "assistant", {"content_type": "thoughts", "thoughts": [{"content": "hm"}]}),
    node("u2", "th", "user", {"content_type": "multimodal_text", "parts": [PICTURE, SPEECH, "written"]}),
    node("t1", "u2", "tool", {"content_type": "execution_output", "text": "42"}),
    current="t1",
)


def test_chatgpt_follows_the_current_branch(tmp_path: Path) -> None:
    path = dump(tmp_path / "conversations.json", [CHAT])
    records = list(open_import(path))
    u1, a1, u2, t1 = said(records)
    assert (u1.text, u1.role, u1.speaker) == ("When is high water?", "user", None)
    assert u1.at == datetime(2026, 3, 1, 8, 0, 1, 250_000, tzinfo=UTC)
    assert (a1.text, a1.role, a1.speaker, a1.at) == ("At nine.", "assistant", "ChatGPT", u1.at)
    assert a1.metadata == {"model": "gpt-5"}
    assert (u2.text, u2.metadata) == ("spoken\nwritten", {"content_type": "multimodal_text", "parts": [PICTURE]})
    assert (t1.text, t1.role) == ("42", "tool")
    assert (u1.source_id, u1.conversation, u1.conversation_title) == ("c1:m-u1", "c1", "Tides")
    assert_resumes(path, records)


def test_chatgpt_without_a_current_node_takes_the_newest_branch_and_no_circles(tmp_path: Path) -> None:
    old = node("old", "r", "assistant", "old", create_time=5)
    new = node("new", "r", "assistant", "new", create_time=9)
    lost = chat(node("r", None, "user", "hi"), old, new, current=None)
    circle = chat(node("a", "b", "user", "a"), node("b", "a", "user", "b"), current="a", conversation_id="c2")
    path = dump(tmp_path / "conversations.json", [lost, circle])
    assert [one.text for one in said(list(open_import(path)))] == ["hi", "new", "b", "a"]


def test_chatgpt_in_numbered_pieces_in_an_archive(tmp_path: Path) -> None:
    pieces = {f"conversations-{n:03d}.json": [{**CHAT, "conversation_id": f"c{n}"}] for n in range(3)}
    path = pack(tmp_path / "export.zip", {"chat.html": "<html>", **pieces})
    opened = open_import(path)
    records = list(opened)
    assert opened.format == "chatgpt"
    assert [one.conversation for one in said(records)] == [f"c{n}" for n in range(3) for _ in range(4)]
    assert records[0].position.file == "export.zip/conversations-000.json"
    assert opened.bytes_read == opened.total_bytes
    assert_resumes(path, records)


def test_conversations_that_are_broken_do_not_stop_the_others(tmp_path: Path) -> None:
    nul = chat(node("a", None, "user", "a\x00b"), current="a", conversation_id="c3")
    deep: Any = "x"
    for _ in range(90):
        deep = [deep]
    strange = {"conversation_id": "c2", "title": "odd", "mapping": ["a"]}
    path = dump(tmp_path / "conversations.json", [deep, strange, nul, {**CHAT, "conversation_id": "c4"}])
    records = list(open_import(path, format="chatgpt"))
    reasons = [record.reason for record in records if isinstance(record, Broken)]
    assert reasons[0] == "conversation 1: not a conversation with an id"
    assert reasons[1].startswith("conversation 2 (odd): not in the shape of chatgpt")
    assert reasons[2] == "conversation 3, message m-a: the text contains a NUL character"
    assert len(said(records[3:])) == 4
    assert_resumes(path, records)


def test_json_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    whole = json.dumps([{**CHAT, "conversation_id": f"c{n}"} for n in range(40)])
    path = tmp_path / "conversations.json"
    for rest in ("", "}}}", "\x00"):
        path.write_text(whole[: len(whole) // 2] + rest)
        *good, last = list(open_import(path))
        assert 70 <= len(said(good)) <= 80
        assert isinstance(last, Broken)
        assert "the JSON is damaged before byte" in last.reason


def test_very_long_messages_come_whole(tmp_path: Path) -> None:
    long = "\n\n".join(f"paragraph {n} " + "word " * 100 for n in range(220))
    path = dump(tmp_path / "conversations.json", [chat(node("a", None, "user", long), current="a")])
    records = said(list(open_import(path)))
    assert [(one.source_id, one.text, one.metadata) for one in records] == [("c1:m-a", long.strip(), {})]
    assert_resumes(path, list(records))


# Claude


def test_claude_reads_text_blocks_and_names(tmp_path: Path) -> None:
    human = {
        "uuid": "m1",
        "sender": "human",
        "created_at": "2026-03-01T08:00:00.000000Z",
        "text": "old form",
        "attachments": [{"file_name": "tides.csv", "extracted_content": "…"}],
        "files": [],
    }
    blocks = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "At nine."},
        {"type": "tool_use", "name": "search"},
        {"type": "text", "text": "Or later."},
    ]
    answer = {"uuid": "m2", "sender": "assistant", "created_at": "2026-03-01T08:00:05Z", "text": "?", "content": blocks}
    silent = {"uuid": "m3", "sender": "assistant", "text": "not supported", "content": blocks[2:3]}
    talk = {"uuid": "c9", "name": "Tides", "account": {"uuid": "u1"}, "chat_messages": [human, answer, silent]}
    files = {"conversations.json": [talk], "users.json": [{"uuid": "u1", "full_name": "Ada"}], "projects.json": []}
    path = pack(tmp_path / "claude.zip", files)
    records = list(open_import(path))
    m1, m2 = said(records)
    assert (m1.text, m1.role, m1.speaker) == ("old form\n\n[file: tides.csv]\n…", "user", "Ada")
    assert m1.metadata == {"attachments": ["tides.csv"]}
    assert (m2.text, m2.role, m2.speaker) == ("At nine.\n\nOr later.", "assistant", "Claude")
    assert m2.at == datetime(2026, 3, 1, 8, 0, 5, tzinfo=UTC)
    assert (m2.source_id, m2.conversation, m2.conversation_title) == ("c9:m2", "c9", "Tides")
    assert_resumes(path, records)
    alone = said(list(open_import(dump(tmp_path / "conversations.json", [talk]))))
    assert [one.speaker for one in alone] == [None, "Claude"]
    assert [one.source_id for one in alone] == ["c9:m1", "c9:m2"]


# Archives


def test_an_archive_that_needs_a_password_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "export.zip", {"conversations.json": [CHAT]})
    raw = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + flags] |= 1
    path.write_bytes(raw)
    with pytest.raises(Invalid, match="needs a password") as caught:
        list(open_import(path, format="chatgpt"))
    assert caught.value.code == "invalid.import.password"


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    bomb = b'[{"conversation_id": "c", "title": "' + b"a" * (40 * 1024 * 1024)
    path = pack(tmp_path / "export.zip", {"conversations.json": bomb})
    for format_ in (None, "chatgpt"):
        with pytest.raises(Invalid, match="no text packs like that") as caught:
            list(open_import(path, format=format_))
        assert caught.value.code == "invalid.import.bomb"


def test_an_entry_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "export.zip", {"conversations.json": [{**CHAT, "padding": "ab" * 50_000}] * 4})
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, raw.index(b"PK\x01\x02") + 24, 150_000)
    path.write_bytes(raw)
    with pytest.raises(Invalid, match="cannot be unpacked") as caught:
        list(open_import(path, format="chatgpt"))
    assert caught.value.code == "invalid.import.zip"


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "export.zip", {"conversations.json": [CHAT]})
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(Invalid, match="cannot be unpacked"):
        open_import(path, format="chatgpt")
    path.write_bytes(raw[:60] + bytes(b ^ 0x55 for b in raw[60:90]) + raw[90:])
    with pytest.raises(Invalid, match=r"cannot be unpacked|no format"):
        list(open_import(path))
    with pytest.raises(Invalid, match="cannot be unpacked"):
        list(open_import(path, format="claude"))


def test_an_element_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ELEMENT", 1024 * 1024)
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([CHAT, {"conversation_id": "c", "title": "x" * 4 * 1024 * 1024}]))
    with pytest.raises(Invalid, match="an element of more than 1 MB"):
        list(open_import(path))


def test_a_large_archive_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as opened,
        opened.open("conversations.json", "w") as entry,
    ):
        entry.write(b"[")
        for n in range(1_500):
            talk = {**CHAT, "conversation_id": f"c{n}", "padding": f"{n:x} tide " * 2_000}
            entry.write(json.dumps(talk).encode() + b",")
        entry.write(json.dumps({**CHAT, "conversation_id": "last"}).encode() + b"]")
    opened_import = open_import(path)
    assert (opened_import.total_bytes or 0) > 20 * 1024 * 1024
    tracemalloc.start()
    count = sum(1 for _ in opened_import)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1_501 * 4
    assert peak < 4 * 1024 * 1024


def test_an_archive_with_strange_names_is_read_or_refused(tmp_path: Path) -> None:
    good = {"conversations.json": [CHAT]}
    for name in ("/", "../conversations.json", "/etc/passwd", "a\x1b[31mb.json", "C:\\x", "n" * 60_000):
        path = pack(tmp_path / "export.zip", {**good, name: "x"})
        assert len(said(list(open_import(path)))) == 4, name
    nameless = pack(tmp_path / "nameless.zip", {**good, "x": "x"})
    raw = bytearray(nameless.read_bytes())
    entry = raw.rindex(b"PK\x01\x02")
    raw[entry + 28], raw[entry + 32] = 0, 1  # its name is its comment
    nameless.write_bytes(raw)
    assert len(said(list(open_import(nameless)))) == 4
    twice = pack(tmp_path / "twice.zip", {"conversations.json": [CHAT], "conversations.jsom": []})
    twice.write_bytes(twice.read_bytes().replace(b"conversations.jsom", b"conversations.json"))
    with pytest.raises(Invalid, match="two entries named conversations"):
        open_import(twice)


def test_an_entry_that_is_a_link_or_packed_strangely_is_refused(tmp_path: Path) -> None:
    for change, code in (("link", "invalid.import.link"), ("lzma", "invalid.import.zip")):
        path = tmp_path / f"{change}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            info = zipfile.ZipInfo("conversations.json")
            if change == "link":
                info.external_attr = 0o120777 << 16
            else:
                info.compress_type = zipfile.ZIP_LZMA
            archive.writestr(info, json.dumps([CHAT]))
        for format_ in (None, "chatgpt"):
            with pytest.raises(Invalid) as caught:
                list(open_import(path, format=format_))
            assert caught.value.code == code


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """A bomb without nesting: a thousand names for the same packed bytes."""
    path = pack(tmp_path / "export.zip", {"c/2024-01-01.json": b"x" * 5000, "c/2024-01-02.json": b"", "users.json": []})
    raw = bytearray(path.read_bytes())
    first = raw.index(b"PK\x01\x02")
    second = raw.index(b"PK\x01\x02", first + 1)
    raw[second + 16 : second + 28] = raw[first + 16 : first + 28]  # sum, packed size and size of the first
    raw[second + 20 : second + 24] = (len(raw)).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(Invalid, match="lie one over the other"):
        open_import(path)


def test_a_directory_is_read_without_its_links(tmp_path: Path) -> None:
    outside = dump(tmp_path / "secret.json", [{"ts": "1.0", "text": "secret"}])
    export = tmp_path / "export"
    (export / "general").mkdir(parents=True)
    dump(export / "users.json", [])
    dump(export / "general" / "2024-01-01.json", [{"ts": "1.0", "text": "hello"}])
    assert len(said(list(open_import(export)))) == 1
    link = export / "general" / "2024-01-02.json"
    link.symlink_to(outside)
    with pytest.raises(Invalid) as caught:
        list(open_import(export))
    assert caught.value.code == "invalid.import.link"
    link.unlink()
    (export / "other").symlink_to(tmp_path)
    with pytest.raises(Invalid) as caught:
        list(open_import(export))
    assert caught.value.code == "invalid.import.link"
    (export / "other").unlink()
    opened = open_import(export)
    (export / "general" / "2024-01-01.json").unlink()
    (export / "general" / "2024-01-01.json").symlink_to(outside)
    with pytest.raises(Invalid):
        list(opened)
