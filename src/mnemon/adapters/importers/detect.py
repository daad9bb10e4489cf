"""Telling the formats apart, by name and by content."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import BinaryIO

from mnemon.adapters.importers.archive import open_tree
from mnemon.adapters.importers.files import is_gzip, is_pipe, require_exists, require_file
from mnemon.adapters.importers.jsonstream import top_keys
from mnemon.core.errors import Invalid

FORMATS: tuple[str, ...] = ("jsonl", "locomo", "chatgpt", "claude", "mbox", "slack")
"""The names of the formats, as `format` takes them."""

_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_HEAD = 4 * 1024 * 1024
# The first of these keys in a document, or in the first object of its array, decides.
_KEYS = {
    "mapping": "chatgpt",
    "chat_messages": "claude",
    "qa": "locomo",
    "sessions": "locomo",
    "sample_id": "locomo",
}
SLACK_FILES = ("channels.json", "users.json", "groups.json", "dms.json", "mpims.json")
"""The lists that a Slack export has beside its folders; which of them depends on the plan."""

CONVERSATIONS = re.compile(r"(?:(?!\.\.?/)[^/]+/)?conversations(?:-\d+)?\.json")
"""The entries of a ChatGPT or Claude export that hold conversations; a large one comes in numbered pieces."""


def detect(path: Path) -> str:
    """The name of a file's format.

    A pipe (also ``-``, standard input) cannot be looked at beforehand and is taken as JSON Lines.

    Raises:
        NotFound: nothing is there.
        Invalid: it is empty, or in none of the formats; the message lists them.
    """
    if is_pipe(path):
        return "jsonl"
    require_exists(path)
    if path.is_dir():
        return _tree_format(path, "a directory")
    require_file(path, "what is imported")
    name = path.name.lower()
    if name.endswith(_LINES):
        return "jsonl"
    if name.endswith((".mbox", ".mbx")):
        return "mbox"
    if is_gzip(path):
        raise _unknown(path, "gzip, but not named .jsonl.gz")
    if zipfile.is_zipfile(path):
        return _tree_format(path, "a zip file")
    with path.open("rb") as stream:
        return _content_format(path, stream)


def _tree_format(path: Path, what: str) -> str:
    tree = open_tree(path, "what is imported")
    found = next((name for name in sorted(tree.sizes) if CONVERSATIONS.fullmatch(name)), None)
    if found is not None:
        with tree, tree.open(found) as entry:
            return _json_format(entry) or _refuse(path)
    if {name.rsplit("/", 1)[-1] for name in tree.sizes if name.count("/") <= 1} & set(SLACK_FILES):
        return "slack"
    raise _unknown(path, f"{what} without conversations.json, channels.json or users.json")


def _content_format(path: Path, stream: BinaryIO) -> str:
    line = stream.readline(_HEAD).removeprefix(b"\xef\xbb\xbf").strip()
    if line.startswith(b"From "):
        return "mbox"
    if line[:1] not in (b"{", b"[") and line:
        return _refuse(path)
    if line.startswith(b"{") and _is_record(line):
        return "jsonl"
    stream.seek(0)
    return _json_format(stream) or _refuse(path)


def _is_record(line: bytes) -> bool:
    """Whether a first line is a whole object that says something, and not the whole of another format."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and isinstance(record.get("text", record.get("content")), str | list)


def _json_format(stream: BinaryIO) -> str | None:
    for key in top_keys(stream):
        if key in _KEYS:
            return _KEYS[key]
    return None


def _refuse(path: Path) -> str:
    raise _unknown(path, "text or data in no format that is known here")


def _unknown(path: Path, what: str) -> Invalid:
    return Invalid(
        f"{path} is {what}. The formats are {', '.join(FORMATS)}.",
        code="invalid.import.format",
        hint="Name the format if you know which it is.",
        field="format",
        formats=list(FORMATS),
    )
