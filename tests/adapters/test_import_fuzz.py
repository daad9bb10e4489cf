# ruff: noqa: E501 - a sample a line
"""Whatever a file holds, reading it ends in records or in an error of ours, and in nothing else."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnemon.adapters.importers import Broken, Utterance, formats, open_import
from mnemon.core.errors import MnemonError
from tests.adapters.chat_samples import CLAUDE_CODE, CODEX, DISCORD, FILES, GEMINI, OPENAI, SHAREGPT, TELEGRAM
from tests.adapters.hostile import zipped

LINES = b'{"text": "hello", "at": "2026-03-01T08:00:00Z", "speaker": "Ada", "tags": ["a"], "metadata": {"a": [1.5, null]}}\n'
LOCOMO: dict[str, Any] = {
    "sample_id": "s", "conversation": {
        "speaker_a": "Ada", "speaker_b": "Bo", "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [{"dia_id": "D1:1", "speaker": "Ada", "text": "Look!", "blip_caption": "a boat"}]},
    "sessions": [{"session": 1, "date_time": "1:56 pm on 8 May, 2023", "turns": [{"text": "a", "speaker": "b"}]}],
}  # fmt: skip
CHAT: dict[str, Any] = {
    "conversation_id": "c", "title": "t", "create_time": 1700000000.5, "current_node": "a", "mapping": {"a": {
        "id": "a", "parent": None, "children": [], "message": {
            "id": "m", "author": {"role": "user", "name": "n"}, "create_time": 1700000000.5, "weight": 1,
            "content": {"content_type": "text", "parts": ["hello", {"text": "x"}]},
            "metadata": {"model_slug": "g", "attachments": [{"name": "f"}]}}}},
}  # fmt: skip
CLAUDE: dict[str, Any] = {
    "uuid": "c", "name": "t", "account": {"uuid": "u"}, "chat_messages": [{
        "uuid": "m", "sender": "human", "text": "hello", "created_at": "2026-03-01T08:00:00Z",
        "content": [{"type": "text", "text": "hello"}], "attachments": [{"file_name": "f"}], "files": []}],
}  # fmt: skip
SLACK: dict[str, Any] = {
    "ts": "1700000000.1", "user": "U", "text": "hi <@U> <#C|c> <http://a|b>", "subtype": "bot_message", "bot_id": "B",
    "user_profile": {"display_name": "d"}, "bot_profile": {"name": "b"}, "files": [{"name": "f"}], "edited": {},
    "attachments": [{"text": "t", "fallback": "f"}], "reactions": [{"name": "r", "count": 1}], "thread_ts": "1.0",
}  # fmt: skip
PEOPLE = [{"id": "U", "name": "u", "real_name": "r", "profile": {"display_name": "d"}, "is_bot": False}]
CHANNELS = [{"id": "C", "name": "c", "members": ["U"]}]
MAIL = (
    b"From a@b Mon Jan  1 10:00:00 2024\nFrom: Ada <a@b>\nTo: b@c\nSubject: =?utf-8?q?h=C3=A9?=\nDate: Mon, 1 Jan 2024 "
    b"10:00:00 +0100\nMessage-ID: <1@b>\nReferences: <0@b>\nContent-Type: multipart/mixed; boundary=x\n\n--x\n"
    b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nh=C3=A9llo\n--x\n"
    b"Content-Type: text/html\n\n<p>a<br>b</p>\n--x\nContent-Disposition: attachment; filename*=utf-8''f\n\nZg==\n--x--\n\n"
)
SAMPLES: dict[str, tuple[str, bytes]] = {
    "jsonl": ("a.jsonl", LINES * 3),
    "locomo": ("a.json", json.dumps([LOCOMO]).encode()),
    "chatgpt": ("a.json", json.dumps([CHAT, CHAT]).encode()),
    "claude": ("a.zip", zipped({"conversations.json": json.dumps([CLAUDE]).encode(), "users.json": b"[]"})),
    "mbox": ("a.mbox", MAIL * 2),
    "slack": (
        "a.zip",
        zipped({
            "users.json": json.dumps(PEOPLE).encode(),
            "channels.json": json.dumps(CHANNELS).encode(),
            "c/2024-01-01.json": json.dumps([SLACK]).encode(),
        }),
    ),
}  # fmt: skip
SAMPLES |= {name: (file, content) for name, (file, content) in FILES.items()}
SAMPLES["maildir"] = SAMPLES["eml"]
#: Fewer for what is made of the same parts as another.
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def read(name: str, content: bytes, format_: str | None) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        if format_ == "maildir":
            for folder in ("cur", "new"):
                (path / folder).mkdir(parents=True)
            path.joinpath("cur", "1").write_bytes(content)
        else:
            path.write_bytes(content)
        try:
            for record in open_import(path, format=format_):
                assert isinstance(record, Utterance | Broken)
                assert record.position.entry > 0
                if isinstance(record, Utterance):
                    assert record.text.strip()
                    json.dumps(record.metadata, allow_nan=False).encode()
                    f"{record.text}{record.speaker}{record.conversation}{record.source_id}".encode()
        except MnemonError as error:
            refused = error
        else:
            return
    assert refused.code
    assert len(refused.message) < 1000


def test_the_samples_are_whole(tmp_path: Path) -> None:
    for format_, (name, content) in SAMPLES.items():
        path = tmp_path / format_ / name
        path.parent.mkdir()
        if format_ == "maildir":
            (path / "cur").mkdir(parents=True)
            (path / "new").mkdir()
            (path / "cur" / "1").write_bytes(content)
        else:
            path.write_bytes(content)
        records = list(open_import(path, format=format_))
        assert records, format_
        assert all(isinstance(record, Utterance) for record in records), records


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """A sample with some of its bytes replaced, taken out or put in, or cut off."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(changed)))
        end = min(len(changed), at + draw(st.integers(0, 8)))
        changed[at:end] = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"\x00", b'"', b"{", b"[", b"\\ud800", b"\xff", b"1e999", b"null", b"\n", b"-1"])
        )
    return bytes(changed[: draw(st.integers(0, len(changed)) | st.just(len(changed)))])


@pytest.mark.parametrize("format_", formats())
def test_a_sample_with_some_bytes_changed(format_: str) -> None:
    name, content = SAMPLES[format_]

    @(FEW if format_ in FILES or format_ == "maildir" else FUZZ)
    @given(mutated(content), st.booleans())
    def check(changed: bytes, found_out: bool) -> None:
        read(name, changed, None if found_out else format_)

    check()


@pytest.mark.parametrize("format_", formats())
def test_any_bytes(format_: str) -> None:
    name, _ = SAMPLES[format_]

    @(FEW if format_ in FILES or format_ == "maildir" else FUZZ)
    @given(st.binary(max_size=200))
    @example(b"")
    @example(b"\xff\xfe[\x00")
    @example(b"PK\x05\x06" + b"\xff" * 18)
    @example(b"PK\x03\x04")
    def check(content: bytes) -> None:
        read(name, content, format_)
        read(name, content, None)

    check()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
    | st.sampled_from(["9" * 30, "1:56 pm on 8 May, 9999", "9999-12-31T23:59:59-10:00", 10**400, "\x00", "\ud800", -0.0]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value where another could stand."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@st.composite
def misshapen(draw: st.DrawFn, sample: dict[str, Any]) -> bytes:
    """A sample in which some values are of another kind, or are not there."""
    whole = [json.loads(json.dumps(sample))]
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(whole))
        if not found:
            break
        holder, key = found[draw(st.integers(0, len(found) - 1))]
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(VALUES)
    return json.dumps(whole).encode()


@pytest.mark.parametrize(("format_", "sample"), [("locomo", LOCOMO), ("chatgpt", CHAT), ("claude", CLAUDE)])
def test_a_sample_with_some_values_of_another_kind(format_: str, sample: dict[str, Any]) -> None:
    @FUZZ
    @given(misshapen(sample))
    def check(content: bytes) -> None:
        read("a.json", content, format_)

    check()


@pytest.mark.parametrize(
    ("format_", "sample"),
    [
        ("telegram", TELEGRAM),
        ("discord", DISCORD),
        ("sharegpt", SHAREGPT),
        ("openai", OPENAI),
        ("gemini", GEMINI),
        ("claude-code", CLAUDE_CODE[2]),
        ("claude-code", CLAUDE_CODE[3]),
        ("codex", CODEX[1]),
        ("codex", CODEX[4]),
    ],
)
def test_a_chat_with_some_values_of_another_kind(format_: str, sample: dict[str, Any]) -> None:
    @FEW
    @given(misshapen(sample))
    def check(content: bytes) -> None:
        read("a.jsonl", content[1:-1], format_)

    check()


def test_lines_with_values_of_another_kind() -> None:
    @FUZZ
    @given(misshapen(json.loads(LINES)))
    def check(content: bytes) -> None:
        read("a.jsonl", content[1:-1], "jsonl")

    check()


@pytest.mark.parametrize("which", ["users.json", "channels.json", "dms.json", "c/2024-01-01.json"])
def test_slack_with_values_of_another_kind(which: str) -> None:
    sample = {"users.json": PEOPLE[0], "c/2024-01-01.json": SLACK}.get(which, CHANNELS[0])

    @FUZZ
    @given(misshapen(sample))
    def check(content: bytes) -> None:
        day = json.dumps([SLACK]).encode()
        read(
            "a.zip",
            zipped({"users.json": json.dumps(PEOPLE).encode(), "c/2024-01-01.json": day} | {which: content}),
            "slack",
        )

    check()
