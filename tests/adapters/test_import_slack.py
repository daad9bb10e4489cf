"""Slack exports, as archives and directories."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mnemon.adapters.importers import Broken, Certainty, Record, Sample, Utterance, open_import
from mnemon.adapters.importers.slack import Slack
from mnemon.core.errors import Invalid

FILES: dict[str, Any] = {
    "users.json": [
        {"id": "U1", "name": "ada", "real_name": "Ada Lund", "profile": {"display_name": "ada.l"}},
        {"id": "U2", "name": "bo", "profile": {"display_name": "", "real_name": "Bo Öst"}},
        {"id": "U3", "name": "tide", "is_bot": True, "profile": {"real_name": "Tide Bot"}},
    ],
    "channels.json": [{"id": "C1", "name": "quay", "members": ["U1", "U2"]}],
    "dms.json": [{"id": "D1", "members": ["U1", "U2"]}],
    "quay/2026-03-02.json": [
        {
            "type": "message",
            "user": "U2",
            "ts": "1772442000.000100",
            "text": "next day",
            "thread_ts": "1772352000.000200",
        }
    ],
    "quay/2026-03-01.json": [
        {"type": "message", "subtype": "channel_join", "user": "U1", "ts": "1772351000.000100", "text": "has joined"},
        {
            "type": "message",
            "user": "U1",
            "ts": "1772352000.000200",
            "thread_ts": "1772352000.000200",
            "text": "<@U2> see <https://x.example/a?b=1&amp;c|the table> in <#C1|quay> &lt;now&gt; <!here>",
            "reactions": [{"name": "wave", "count": 2, "users": ["U2", "U3"]}],
            "edited": {"user": "U1", "ts": "1"},
        },
        {"type": "message", "user": "U3", "ts": "1772352001.000100", "text": "High water at nine."},
        {
            "type": "message",
            "subtype": "bot_message",
            "bot_id": "B1",
            "username": "Deploys",
            "ts": "1772352002.000100",
            "text": "",
            "attachments": [{"fallback": "Deployed 0.9"}],
        },
        {"type": "message", "user": "U9", "ts": "1772352003.000100", "text": "", "files": [{"name": "plan.pdf"}]},
        {
            "type": "message",
            "subtype": "channel_topic",
            "user": "U1",
            "ts": "1772352004.000100",
            "text": "set the topic",
        },
        {"type": "message", "user": "U1", "ts": "1772352005.000100", "text": "nul \x00"},
        {"type": "message", "user": "U1", "text": "no time"},
    ],
    "D1/2026-03-01.json": [{"type": "message", "user": "U1", "ts": "1772352000.000200", "text": "psst"}],
    "integration_logs.json": [],
}


def pack(path: Path, root: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in FILES.items():
            archive.writestr(root + name, json.dumps(value))
    return path


@pytest.fixture(params=["zip", "nested", "directory"])
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = pack(tmp_path / "slack.zip", "Our export/" if request.param == "nested" else "")
    if request.param != "directory":
        return path
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def test_channels_people_and_threads_are_read(export: Path) -> None:
    opened = open_import(export)
    records: list[Record] = list(opened)
    assert opened.format == "slack"
    assert opened.bytes_read == opened.total_bytes
    said = [record for record in records if isinstance(record, Utterance)]
    psst, first, bot, deploy, file, topic, reply = said
    assert (psst.text, psst.conversation, psst.conversation_title) == ("psst", "D1", "ada.l and Bo Öst")
    assert first.text == "@Bo Öst see the table (https://x.example/a?b=1&c) in #quay <now> @here"
    assert (first.speaker, first.role, first.conversation_title) == ("ada.l", "user", "#quay")
    assert first.at == datetime(2026, 3, 1, 8, 0, 0, 200, tzinfo=UTC)
    assert (first.source_id, psst.source_id) == ("C1:1772352000.000200", "D1:1772352000.000200")
    assert first.metadata == {
        "ts": "1772352000.000200",
        "thread_ts": "1772352000.000200",
        "reply": False,
        "edited": True,
        "reactions": {"wave": 2},
    }
    assert (bot.speaker, bot.role) == ("Tide Bot", "assistant")
    assert (deploy.text, deploy.speaker, deploy.role) == ("Deployed 0.9", "Deploys", "assistant")
    assert (file.text, file.speaker, file.metadata["files"]) == ("[file: plan.pdf]", "U9", ["plan.pdf"])
    assert topic.role == "system"
    assert (reply.text, reply.metadata["reply"], reply.speaker) == ("next day", True, "Bo Öst")

    broken = [record.reason for record in records if isinstance(record, Broken)]
    assert [reason.split(".json, ")[1] for reason in broken] == [
        "message 7: the text contains a NUL character",
        "message 8: not a message with a `ts`",
    ]
    for number, record in enumerate(records, 1):
        assert list(open_import(export, start=record.position)) == records[number:]


def test_the_fingerprint_is_the_files(tmp_path: Path) -> None:
    path = pack(tmp_path / "slack.zip")
    moved = tmp_path / "renamed.zip"
    moved.write_bytes(path.read_bytes())
    assert open_import(moved).fingerprint == open_import(path).fingerprint
    assert open_import(pack(tmp_path / "b.zip", "x/")).fingerprint != open_import(path).fingerprint


def test_damage_is_named(tmp_path: Path) -> None:
    export = tmp_path / "export"
    (export / "quay").mkdir(parents=True)
    (export / "channels.json").write_text("[")
    (export / "quay" / "2026-03-01.json").write_text('[{"ts": "1772352000.1", "text": "a", "user": "U"}, {"ts')
    with pytest.raises(Invalid, match=r"export/channels\.json is not JSON"):
        list(open_import(export))
    (export / "channels.json").write_text("[]")
    good, broken = list(open_import(export))
    assert isinstance(good, Utterance)
    assert (good.conversation, good.conversation_title) == ("quay", "#quay")
    assert isinstance(broken, Broken)
    assert broken.reason.startswith("quay/2026-03-01.json: the JSON is damaged")


@pytest.mark.parametrize(
    ("files", "is_slack"),
    [
        ({"users.json": []}, False),
        ({"users.json": [{"id": 1, "name": "ada"}], "settings.json": {}}, False),
        ({"users.json": [], "logs/2026-03-01.json": [{"text": "started"}]}, False),
        ({"users.json": [], "logs/2026-03-01.json": {"ts": "1.0"}}, False),
        ({"users.json": [], "quay/2026-03-01.json": [{"ts": "1772352000.1", "text": "hi"}]}, True),
        ({"dms.json": [], "D1/2026-03-01.json": [{"ts": "1772352000.1", "text": "hi"}]}, True),
        ({"channels.json": [{"id": "C1", "name": "quay"}]}, True),
        ({"channels.json": {"guild": 1}}, False),
        ({"channels.json": [{"number": 7, "title": "Sports"}]}, False),
        ({"groups.json": [{"name": "admins", "gid": 0}]}, False),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_an_export_is_known_by_its_shape(tmp_path: Path, files: dict[str, Any], is_slack: bool, packed: bool) -> None:
    place = tmp_path / "export"
    for name, value in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(json.dumps(value))
    if packed:
        with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
            for name, value in files.items():
                archive.writestr(name, json.dumps(value))
        place = tmp_path / "export.zip"
    assert (Slack.recognises(Sample(place)) is Certainty.CERTAIN) is is_slack
    assert (Slack.recognises(Sample(place)) is Certainty.NO) is not is_slack
