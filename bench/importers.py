# ruff: noqa: E501 - a format a line
"""importers: how quickly each format is read, beside JSON Lines, and how much memory a file ten times longer takes."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.measure import number
from bench.report import Report

_READ = """
import resource, sys, time
from pathlib import Path
from mnemon.adapters.importers import open_import
began = time.process_time()
count = sum(1 for _ in open_import(Path(sys.argv[1]), format=sys.argv[2]))
unit = 1 if sys.platform == "darwin" else 1024
print(count, time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)
"""


def _text(n: int) -> str:
    return f"Message {n}: the tide turns at {n % 12}, and the pump of boat {n % 97} wants oil before it sails again."


def _at(n: int) -> str:
    return f"2024-{n // 86_400 % 12 + 1:02d}-{n // 3_600 % 28 + 1:02d}T{n // 60 % 24:02d}:{n % 60:02d}:00+00:00"


def _lines(make: Callable[[int], object]) -> Callable[[int], str]:
    return lambda count: "".join(json.dumps(make(n)) + "\n" for n in range(count))


def _inside(head: str, make: Callable[[int], object], tail: str) -> Callable[[int], str]:
    return lambda count: head + ",".join(json.dumps(make(n)) for n in range(count)) + tail


def _turns(n: int, who: str, text: str) -> list[dict[str, str]]:
    return [{who: "user" if who == "role" else "human", text: _text(n)}]


#: By format: the file's name, and its content with so many messages.
FILES: dict[str, tuple[str, Callable[[int], str]]] = {
    "jsonl": ("a.jsonl", _lines(lambda n: {"at": _at(n), "speaker": f"p{n % 9}", "text": _text(n)})),
    "json": ("a.json", _inside("[", lambda n: {"at": _at(n), "speaker": f"p{n % 9}", "text": _text(n)}, "]")),
    "csv": ("a.csv", lambda c: "at,speaker,text\n" + "".join(f'{_at(n)},p{n % 9},"{_text(n)}"\n' for n in range(c))),
    "whatsapp": (
        "a.txt",
        lambda c: "".join(
            f"{n // 900 % 28 + 1}/1/24, {n // 60 % 24}:{n % 60:02d} - p{n % 9}: {_text(n)}\n" for n in range(c)
        ),
    ),
    "telegram": (
        "result.json",
        _inside(
            '{"name": "a", "type": "personal_chat", "id": 1, "messages": [',
            lambda n: {"id": n, "type": "message", "date": _at(n)[:19], "from": f"p{n % 9}", "text": [_text(n)]},
            "]}",
        ),
    ),
    "discord": (
        "a.json",
        _inside(
            '{"guild": {"id": "1", "name": "g"}, "channel": {"id": "2", "name": "c"}, "messages": [',
            lambda n: {
                "id": str(n),
                "type": "Default",
                "timestamp": _at(n),
                "content": _text(n),
                "author": {"name": "p"},
            },
            "]}",
        ),
    ),
    "sharegpt": ("a.jsonl", _lines(lambda n: {"id": str(n), "conversations": _turns(n, "from", "value")})),
    "openai": ("a.jsonl", _lines(lambda n: {"messages": _turns(n, "role", "content")})),
    "claude-code": (
        "a.jsonl",
        _lines(
            lambda n: {
                "type": "user",
                "uuid": f"u{n}",
                "sessionId": "s",
                "timestamp": _at(n),
                "message": {"content": _text(n)},
            }
        ),
    ),
    "codex": (
        "a.jsonl",
        _lines(
            lambda n: {
                "timestamp": _at(n),
                "type": "response_item",
                "payload": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": _text(n)}]},
            }
        ),
    ),
    "gemini": (
        "a.json",
        _inside(
            "[",
            lambda n: {"header": "Gemini Apps", "title": f"Prompted {_text(n)}", "time": _at(n), "products": []},
            "]",
        ),
    ),
    "markdown": ("a.md", lambda c: "".join(f"## Part {n}\n\n{_text(n)}\n\n" for n in range(c))),
    "text": ("a.txt", lambda c: "".join(f"{_text(n) * 9}\n\n" for n in range(c))),
    "webvtt": (
        "a.vtt",
        lambda c: (
            "WEBVTT\n\n"
            + "".join(f"{n // 60:02d}:{n % 60:02d}:00.000 --> 99:00:00.000\n{_text(n)}\n\n" for n in range(c))
        ),
    ),
    "mbox": (
        "a.mbox",
        lambda c: "".join(
            f"From a@x Mon Mar  2 10:00:00 2026\nFrom: p{n % 9} <a@x>\nMessage-ID: <{n}@x>\n\n{_text(n)}\n\n"
            for n in range(c)
        ),
    ),
    "chatgpt": (
        "conversations.json",
        _inside("[", lambda n: {"conversation_id": str(n), "current_node": "a", "mapping": {"a": _node(n)}}, "]"),
    ),
    "claude": (
        "conversations.json",
        _inside(
            "[", lambda n: {"uuid": str(n), "chat_messages": [{"uuid": "m", "sender": "human", "text": _text(n)}]}, "]"
        ),
    ),
}


def _node(n: int) -> dict[str, object]:
    return {"id": "a", "message": {"id": "m", "author": {"role": "user"}, "content": {"parts": [_text(n)]}}}


async def run(report: Report, *, messages: int = 5_000) -> None:
    """Read a generated file of each format, and one ten times as long, each in a process of its own.

    Args:
        report: takes the results.
        messages: messages of the shorter file.
    """
    began = time.perf_counter()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for format_, (name, make) in FILES.items():
            short, long = (_read(Path(folder), format_, name, make(count)) for count in (messages, 10 * messages))
            rows.append((format_, long[0] / long[1], short[2], long[2]))
    base = rows[0][1]
    report.numbers["formats"] = [
        {"format": name, "rate": rate, "of_jsonl": rate / base, "mb_short": small, "mb_long": large}
        for name, rate, small, large in rows
    ]
    report.numbers["seconds_of_all"] = time.perf_counter() - began
    report.numbers["own_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    report.table(
        f"A generated file of {10 * messages:,} messages a format, read and not stored; rows a second of CPU time, and the "
        f"most resident memory of the process, for {messages:,} messages and for ten times as many:",
        ("format", "rows/s", "of jsonl", "MB", "MB, ten times as long"),
        [
            (name, number(rate), f"{rate / base:.2f}", f"{small:.0f}", f"{large:.0f}")
            for name, rate, small, large in rows
        ],
    )


def _read(folder: Path, format_: str, name: str, content: str) -> tuple[int, float, float]:
    """Messages, seconds of CPU time and megabytes of a process that reads a file."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", _READ, str(path), format_], capture_output=True, check=True, text=True, timeout=600
    )
    count, seconds, megabytes = ran.stdout.split()
    path.unlink()
    return int(count), float(seconds), float(megabytes)
