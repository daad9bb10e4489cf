# ruff: noqa: E501 - a line a file
"""Files that were made to hurt whoever reads them, in any size; run as a program it reads one, and says the price.

``python -m tests.adapters.hostile NAME SIZE`` prints, as JSON, what came of it, its CPU seconds and its memory.
"""

from __future__ import annotations

import gzip
import io
import json
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from mnemon.adapters.importers import Broken, open_import
from mnemon.core.errors import MnemonError

Maker = Callable[[int], bytes]


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()


def _mail(head: bytes, body: bytes = b"words\n") -> bytes:
    return b"From a Mon Jan  1 10:00:00 2024\n" + head + b"\n" + body


def _multipart(size: int) -> bytes:
    """Each part holds the next one: 70 bytes a level."""
    levels = max(1, size // 70)
    head = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(levels))
    return _mail(b"", b"")[:-1] + head + b"\nwords\n" * (size // 20)


def _claude(size: int, messages: bytes) -> bytes:
    return b'[{"uuid": "c", "name": "' + b"n" * size + b'", "chat_messages": [' + messages + b"]}]"


def _messages(count: int) -> bytes:
    one = '{"uuid": "m%d", "sender": "human", "text": "hello"}'
    return ",".join(one % number for number in range(count)).encode()


def _cycle(size: int) -> bytes:
    """A tree of messages in which each is another's parent, and the first one the last one's child."""
    count = max(2, size // 100)
    nodes = {
        f"n{n}": {
            "id": f"n{n}",
            "parent": f"n{(n + 1) % count}",
            "children": [f"n{(n - 1) % count}"],
            "message": {"id": f"m{n}", "author": {"role": "user"}, "content": {"parts": ["round and round"]}},
        }
        for n in range(count)
    }
    return json.dumps([{"conversation_id": "c", "mapping": nodes, "current_node": "n0"}]).encode()


def _days(count: int) -> bytes:
    message = b'[{"ts": "1700000000.1", "text": "hi"}]'
    names = {f"c{number}/2024-01-01.json": message for number in range(count)}
    return zipped({"users.json": b"[]", **names}, zipfile.ZIP_STORED)


def _members(size: int) -> bytes:
    """A name that is long, and a channel that has it as a member again and again."""
    person = json.dumps([{"id": "U", "name": "x" * size}]).encode()
    channel = json.dumps([{"id": "D1", "members": ["U"] * (size // 5)}]).encode()
    text = "<@U>" * (size // 4)
    day = json.dumps([{"ts": "1.0", "user": "U", "text": text[:2_000_000]}]).encode()
    return zipped({"users.json": person, "dms.json": channel, "D1/2024-01-01.json": day})


#: By name: the file's name, its format (None: found out), what fills it, the smaller size that is tried.
FILES: dict[str, tuple[str, str | None, Maker, int]] = {
    # JSON: depth, width, numbers, strings
    "json-arrays": ("a.json", None, lambda n: b"[" * n, 80_000),
    "json-arrays-chatgpt": ("a.json", "chatgpt", lambda n: b"[" * n, 80_000),
    "json-objects": ("a.json", "claude", lambda n: b'[{"a":' * (n // 6), 80_000),
    "json-in-export": ("a.json", None, lambda n: b'[{"mapping":' + b"[" * n, 80_000),
    "json-key-after-depth": ("a.json", None, lambda n: b'[{"a":' + b"[" * 90 + b"]" * 90 + b',"mapping":' + b"[" * n, 80_000),
    "json-closing": ("a.json", "slack", lambda n: b"]" * n, 80_000),
    "json-number": ("a.json", "chatgpt", lambda n: b"[" + b"9" * n + b"]", 80_000),
    "json-fraction": ("a.json", "chatgpt", lambda n: b"[0." + b"9" * n + b"]", 80_000),
    "json-values": ("a.json", "claude", lambda n: b'[{"uuid":"c","x":[' + b"[]," * (n // 3) + b"0]}]", 2_000_000),
    "json-elements": ("a.json", "chatgpt", lambda n: b"[" + b"0," * (n // 2) + b"0]", 40_000),
    "json-escapes": ("a.json", "chatgpt", lambda n: b'["' + b'\\"' * (n // 2), 400_000),
    "json-one-key": ("a.json", "locomo", lambda n: b'{"' + b"k" * n + b'": 1}', 400_000),
    "locomo-session": ("a.json", "locomo", lambda n: b'{"conversation": {"session_' + b"9" * n + b'": [{"text": "a"}]}}', 40_000),
    "locomo-name": (
        "a.json", "locomo",
        lambda n: json.dumps({"sample_id": "s" * n, "conversation": {
            "session_1": [{"text": "a", "speaker": "b"}] * (n // 40), "session_1_date_time": "d" * n}}).encode(),
        80_000,
    ),
    "claude-title": ("a.json", "claude", lambda n: _claude(n, _messages(n // 60)), 200_000),
    "claude-long-message": ("a.json", "claude", lambda n: b'[{"uuid":"c","chat_messages":[{"uuid":"m","text":"' + b"word " * (n // 5) + b'"}]}]', 700_000),
    "chatgpt-cycle": ("a.json", "chatgpt", _cycle, 200_000),
    "chatgpt-citations": (
        "a.json", "chatgpt",
        lambda n: json.dumps([{"conversation_id": "c", "current_node": "a", "mapping": {"a": {"message": {
            "content": {"parts": ["\ue200" * n]}}}}}]).encode(),
        40_000,
    ),
    # Lines
    "line-deep": ("a.jsonl", None, lambda n: b'{"text": "a", "x": ' + b"[" * n + b"\n", 200_000),
    "line-without-end": ("a.jsonl", None, lambda n: b'{"text": "' + b"a" * n, 6_000_000),
    "lines-empty": ("a.jsonl", None, lambda n: b"\n" * n + b'{"text": "a"}\n', 400_000),
    "line-values": ("a.jsonl", None, lambda n: b'{"text": "a", "x": [' + b"[]," * (n // 3) + b"0]}\n", 500_000),
    "lines-same-time": ("a.jsonl", None, lambda n: b'{"text":"a","at":"2024-01-01"}\n' * (n // 31), 200_000),
    "gzip-bomb": ("a.jsonl.gz", None, lambda n: gzip.compress(b'{"text": "' + b"a" * n, 9), 30_000_000),
    # Archives
    "zip-days": ("a.zip", None, _days, 1000),
    "zip-bomb": ("a.zip", None, lambda n: zipped({"conversations.json": b'[{"mapping": "' + b"a" * n}), 30_000_000),
    "zip-bombs": ("a.zip", None, lambda n: zipped({f"c{i}/2024-01-01.json": b" " * 1_000_000 for i in range(n)} | {"users.json": b"[]"}), 8),
    "slack-members": ("a.zip", None, _members, 200_000),
    "slack-links": (
        "a.zip", None,
        lambda n: zipped({"users.json": b"[]", "c/2024-01-01.json": json.dumps([{"ts": "1.0", "text": "<a|" * (n // 3)}]).encode()}),
        400_000,
    ),
    # Mail
    "mail-parts": ("a.mbox", None, lambda n: _mail(b'Content-Type: multipart/mixed; boundary="b"\n', b"--b\n\nx\n" * (n // 7)), 60_000),
    "mail-nested": ("a.mbox", None, _multipart, 40_000),
    "mail-in-mail": ("a.mbox", None, lambda n: _mail(b"", b"")[:-1] + b"Content-Type: message/rfc822\n\n" * (n // 30), 40_000),
    "mail-header": ("a.mbox", None, lambda n: _mail(b"Subject: " + b"=?utf-8?q?a?= " * (n // 14) + b"\n"), 100_000),
    "mail-headers": ("a.mbox", None, lambda n: _mail(b"X: y\n" * (n // 5)), 200_000),
    "mail-parameters": ("a.mbox", None, lambda n: _mail(b"Content-Type: text/plain" + b";a" * (n // 2) + b"\n"), 100_000),
    "mail-quotes": ("a.mbox", None, lambda n: _mail(b'Content-Type: text/plain; a="' + b";" * n + b"\n"), 40_000),
    "mail-addresses": ("a.mbox", None, lambda n: _mail(b"From: " + b"(" * n + b"\n"), 40_000),
    "mail-references": ("a.mbox", None, lambda n: _mail(b"References: " + b"<a" * (n // 2) + b"\n"), 100_000),
    "mail-separators": ("a.mbox", None, lambda n: _mail(b"", b"\nFrom " + b"1:11 " * 50 + b"\n") + (b"\nFrom " + b"1:11 " * 50 + b"\n") * (n // 260), 100_000),
    "mail-comments": ("a.mbox", None, lambda n: _mail(b"Content-Type: text/html\n", b"<!--" * (n // 4)), 200_000),
    "mail-tags": ("a.mbox", None, lambda n: _mail(b"Content-Type: text/html\n", b"<a " * (n // 3)), 200_000),
    "mail-attributes": ("a.mbox", None, lambda n: _mail(b"Content-Type: text/html\n", b'<a b="' * (n // 6)), 200_000),
    "mail-scripts": ("a.mbox", None, lambda n: _mail(b"Content-Type: text/html\n", b"<script>" * (n // 8)), 200_000),
    "mail-entities": ("a.mbox", None, lambda n: _mail(b"Content-Type: text/html\n", b"&#" + b"9" * n + b";"), 40_000),
    "mail-punycode": ("a.mbox", None, lambda n: _mail(b"Content-Type: text/plain; charset=punycode\n", b"ab-" + b"a" * n), 40_000),
    "mail-wrote": ("a.mbox", None, lambda n: _mail(b"", (b"On " + b"wrote " * 33 + b"\n") * (n // 202) + b"> quoted\n"), 200_000),
    "mail-signatures": ("a.mbox", None, lambda n: _mail(b"", b"-- \n" * (n // 4)), 200_000),
}  # fmt: skip


def read(name: str, size: int) -> dict[str, object]:
    """Read one; what came of it and what it took."""
    file, format_, make, _ = FILES[name]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / file
        path.write_bytes(make(size))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        good = broken = longest = 0
        said = ""
        try:
            for record in open_import(path, format=format_):
                good += not isinstance(record, Broken)
                if isinstance(record, Broken):
                    broken, said = broken + 1, said or record.reason
                    longest = max(longest, len(record.reason), len(record.excerpt))
        except MnemonError as error:
            said = f"{error.code}: {error.message}"
            longest = max(longest, len(error.message) - len(str(path)))
        spent = time.process_time() - began
    return {
        "good": good,
        "broken": broken,
        "said": said[:300],
        "longest": longest,
        "seconds": spent,
        "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }


def main() -> None:
    """One file in two sizes, within limits that the kernel holds."""
    name, size = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
    read(name, min(size, 1000))  # what is imported on first use
    small, large = read(name, size), read(name, 4 * size)
    sys.stdout.write(json.dumps({"small": small, "large": large}))


if __name__ == "__main__":
    main()
