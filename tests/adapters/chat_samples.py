# ruff: noqa: E501 - a sample a line
"""Small whole files of the formats, written for the tests."""

from __future__ import annotations

import json
from typing import Any

ANDROID_US = (
    "12/31/23, 11:59\u202fPM - Messages and calls are end-to-end encrypted. Tap to learn more.\n"
    "12/31/23, 11:59\u202fPM - Rosa Díaz: Happy new year!\nand a second line\n\n: with a colon\n"
    "1/1/24, 12:01\u202fAM - Ben: <Media omitted>\n"
    "1/1/24, 12:02\u202fAM - Ben: IMG-20240101-WA0001.jpg (file attached)\nlook at this\n"
    '1/1/24, 12:03\u202fAM - Ben created group "Trip"\n'
    '1/1/24, 12:04\u202fAM - Ben changed the subject to "Trip: Oslo"\n'
    "1/1/24, 12:05\u202fPM - Rosa Díaz: Time: noon\n"
)
IOS_DE = (
    "[31.12.23, 23:59:59] Rosa: Hallo: Welt\n"
    "\u200e[01.01.24, 00:00:10] Ben: \u200eBild weggelassen\n"
    "[01.01.24, 00:00:11] Ben: ja <Diese Nachricht wurde bearbeitet>\n"
    "[01.01.24, 00:00:12] Ben: Du hast diese Nachricht gelöscht.\n"
)


def jsonl(*records: dict[str, Any]) -> str:
    """Lines of JSON."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)


TELEGRAM: dict[str, Any] = {
    "name": "Rosa", "type": "personal_chat", "id": 42, "messages": [
        {"id": 1, "type": "message", "date": "2023-12-31T23:59:59", "date_unixtime": "1704063599", "from": "Rosa", "from_id": "user1",
         "text": ["See ", {"type": "text_link", "text": "the plan", "href": "https://x.example/p"}, "!"],
         "text_entities": [{"type": "plain", "text": "See "}]},
        {"id": 2, "type": "service", "date": "2024-01-01T00:00:00", "actor": "Ben", "action": "create_group", "title": "Trip", "members": ["Rosa", "Ben"], "text": ""},
        {"id": 3, "type": "message", "date": "2024-01-01T00:00:01", "from": "Ben", "photo": "photos/1.jpg", "text": "", "reply_to_message_id": 1, "forwarded_from": "Zed"},
        {"id": 4, "type": "message", "date": "2024-01-01T00:00:02", "from": "Ben", "media_type": "sticker", "sticker_emoji": "🎉", "file": "s.webp", "text": ""},
        {"id": 5, "type": "message", "date": "2024-01-01T00:00:03", "from": "Ben", "poll": {"question": "Tea?", "answers": [{"text": "yes", "voters": 1}, {"text": "no"}]}, "text": ""},
    ]}  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "about": "All of it", "personal_information": {"user_id": 1, "first_name": "R"}, "contacts": {"list": [{"first_name": "Q"}]},
    "chats": {"about": "y", "list": [TELEGRAM, {"type": "saved_messages", "id": 7, "messages": [
        {"id": 1, "type": "message", "date": "2024-01-01T00:00:00", "from": "R", "text": "to myself"}]}]},
}  # fmt: skip
DISCORD: dict[str, Any] = {
    "guild": {"id": "1", "name": "Harbour", "iconUrl": "https://i"}, "channel": {"id": "2", "type": "GuildTextChat", "category": "Text", "name": "general", "topic": "All about boats"},
    "dateRange": {"after": None, "before": None}, "exportedAt": "2024-01-02T00:00:00+00:00", "messages": [
        {"id": "5", "type": "Default", "timestamp": "2024-01-01T10:00:00.123+01:00", "timestampEdited": None, "isPinned": False, "content": "hello",
         "author": {"id": "9", "name": "rosa", "nickname": "Rosa", "isBot": False},
         "attachments": [{"id": "1", "url": "https://f", "fileName": "plan.pdf", "fileSizeBytes": 3}],
         "embeds": [{"title": "Tide table", "description": "High at nine", "fields": [{"name": "Low", "value": "three", "isInline": True}], "footer": {"text": "harbour office"}}],
         "stickers": [{"id": "1", "name": "wave"}], "reactions": [{"emoji": {"name": "👋"}, "count": 2}], "mentions": []},
        {"id": "6", "type": "Reply", "timestamp": "2024-01-01T10:01:00+01:00", "content": "thanks", "author": {"id": "8", "name": "tide", "isBot": True}, "reference": {"messageId": "5", "channelId": "2"}},
        {"id": "7", "type": "GuildMemberJoin", "timestamp": "2024-01-01T10:02:00+01:00", "content": "", "author": {"id": "7", "name": "ben"}},
    ], "messageCount": 3}  # fmt: skip
SHAREGPT: dict[str, Any] = {
    "id": "a1",
    "conversations": [
        {"from": "system", "value": "Be kind."},
        {"from": "human", "value": "hi"},
        {"from": "gpt", "value": "hello", "weight": 1},
        {"from": "Rosa", "value": "hm"},
    ],
}
OPENAI: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "You help."},
        {"role": "user", "name": "Rosa", "content": [{"type": "text", "text": "look at"}, {"type": "image_url", "image_url": {"url": "https://x.example/i.png"}}]},
        {"role": "assistant", "content": None, "weight": 0, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "tides", "arguments": '{"port": "Bergen"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "09:00"},
        {"role": "assistant", "content": None, "refusal": "I cannot say."},
    ],
    "tools": [{"type": "function", "function": {"name": "tides", "description": "Tides of a port."}}],
}  # fmt: skip
CLAUDE_CODE: tuple[dict[str, Any], ...] = (
    {"type": "summary", "summary": "Mend the pump", "leafUuid": "z"},
    {"type": "user", "uuid": "u1", "parentUuid": None, "sessionId": "s1", "cwd": "/p", "gitBranch": "main", "version": "2", "timestamp": "2025-06-01T10:00:00.000Z", "message": {"role": "user", "content": "please mend it"}},
    {"type": "assistant", "uuid": "u2", "parentUuid": "u1", "sessionId": "s1", "timestamp": "2025-06-01T10:00:01.000Z", "message": {"id": "m", "model": "m-1", "role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "I will."}, {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}], "usage": {"input_tokens": 1}}},
    {"type": "user", "uuid": "u3", "parentUuid": "u2", "sessionId": "s1", "timestamp": "2025-06-01T10:00:02.000Z", "message": {"role": "user", "content": [{"tool_use_id": "t1", "type": "tool_result", "content": [{"type": "text", "text": "pump.py"}]}]}, "toolUseResult": {"stdout": "pump.py"}},
    {"type": "file-history-snapshot", "messageId": "x", "snapshot": {}},
)  # fmt: skip
CODEX: tuple[dict[str, Any], ...] = (
    {"timestamp": "2025-06-01T10:00:00Z", "type": "session_meta", "payload": {"id": "cx", "cwd": "/p", "instructions": "be brief"}},
    {"timestamp": "2025-06-01T10:00:01Z", "type": "response_item", "payload": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "do it"}]}},
    {"timestamp": "2025-06-01T10:00:01Z", "type": "event_msg", "payload": {"type": "user_message", "message": "do it"}},
    {"timestamp": "2025-06-01T10:00:02Z", "type": "response_item", "payload": {"type": "reasoning", "summary": [], "encrypted_content": "x"}},
    {"timestamp": "2025-06-01T10:00:03Z", "type": "response_item", "payload": {"type": "function_call", "name": "shell", "arguments": '{"command": ["ls"]}', "call_id": "1"}},
    {"timestamp": "2025-06-01T10:00:04Z", "type": "response_item", "payload": {"type": "function_call_output", "call_id": "1", "output": "pump.py"}},
    {"timestamp": "2025-06-01T10:00:05Z", "type": "response_item", "payload": {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]}},
)  # fmt: skip
GEMINI: dict[str, Any] = {
    "header": "Gemini Apps",
    "title": "Prompted What is tea?",
    "titleUrl": "https://g",
    "time": "2024-05-01T10:00:00.000Z",
    "products": ["Gemini Apps"],
    "safeHtmlItem": [{"html": "<p>Tea is <b>a drink</b>.</p>"}],
}
MARKDOWN = "---\ntitle: The pump\ndate: 2024-01-02\nauthor: Rosa\ntags: [pump, boat]\n---\n# Top\n\nIntro.\n\n## Parts\n\nA valve.\n\n```\n# no heading\n\ncode\n```\n\nBelow\n-----\n\nThe end.\n"
CSV = 'at;speaker;text;mood\n2024-01-01 10:00;Rosa;"Hi; there\nand ""more""";good\n;Ben;yo;\n'
WEBVTT = "WEBVTT - a call\n\nNOTE nobody reads this\n\n1\n00:00:01.000 --> 00:00:04.000 align:start\n<v Rosa>Hello &amp; welcome</v>\n\n00:05.000 --> 00:06.500\nBen: good\nmorning\n"
EML = b"From: Rosa <r@x.example>\r\nTo: b@x.example\r\nSubject: Hi\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\nMessage-ID: <1@x>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello.\r\n"

#: By format: the name of a file, and what is in it.
FILES: dict[str, tuple[str, bytes]] = {
    "whatsapp": ("chat.txt", ANDROID_US.encode()),
    "telegram": ("result.json", json.dumps(TELEGRAM, indent=1).encode()),
    "discord": ("general.json", json.dumps(DISCORD).encode()),
    "sharegpt": ("train.json", json.dumps([SHAREGPT]).encode()),
    "openai": ("train.jsonl", (jsonl(OPENAI) * 2).encode()),
    "claude-code": ("s1.jsonl", jsonl(*CLAUDE_CODE).encode()),
    "codex": ("rollout-1.jsonl", jsonl(*CODEX).encode()),
    "gemini": ("MyActivity.json", json.dumps([GEMINI]).encode()),
    "markdown": ("pump.md", MARKDOWN.encode()),
    "text": ("diary.txt", b"Dear diary,\n\nToday was good.\n\nThen I slept.\n"),
    "csv": ("talk.csv", CSV.encode()),
    "json": (
        "talk.json",
        b'[{"text": "a", "at": "2024-01-01T10:00", "speaker": "Rosa"}, {"content": "b", "mood": "good"}]',
    ),
    "webvtt": ("call.vtt", WEBVTT.encode()),
    "eml": ("mail.eml", EML),
}
