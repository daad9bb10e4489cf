"""An S3 on loopback, as far as an object store is one: objects, uploads in parts, listings. A process of its own.

Run as ``python -m tests.workspace.s3``; it prints its port. Objects are in memory.
"""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape, unescape

import uvicorn

Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, bytes, dict[str, str]]

OBJECTS: dict[str, bytes] = {}
UPLOADS: dict[str, dict[int, bytes]] = {}


def xml(name: str, inner: str) -> bytes:
    return f'<?xml version="1.0"?><{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</{name}>'.encode()


def etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def no_such(key: str) -> Answer:
    return 404, xml("Error", f"<Code>NoSuchKey</Code><Key>{escape(key)}</Key>"), {}


def listed(bucket: str, asked: dict[str, str]) -> Answer:
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    contents, prefixes = "", set()
    for path, data in sorted(OBJECTS.items()):
        key = path.removeprefix(f"{bucket}/")
        if not path.startswith(f"{bucket}/") or not key.startswith(prefix):
            continue
        below, found, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else ("", "", "")
        if found:
            prefixes.add(prefix + below + delimiter)
            continue
        contents += (
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{escape(etag(data))}</ETag><Size>{len(data)}</Size></Contents>"
        )
    common = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(prefixes))
    return 200, xml("ListBucketResult", f"<IsTruncated>false</IsTruncated>{contents}{common}"), {}


def upload(method: str, path: str, asked: dict[str, str], body: bytes) -> Answer:
    if "uploads" in asked:
        number = str(len(UPLOADS) + 1)
        UPLOADS[number] = {}
        return 200, xml("InitiateMultipartUploadResult", f"<UploadId>{number}</UploadId>"), {}
    if method == "PUT":
        UPLOADS[asked["uploadId"]][int(asked["partNumber"])] = body
        return 200, b"", {"etag": etag(body)}
    parts = UPLOADS.pop(asked["uploadId"])
    if method == "DELETE":
        return 204, b"", {}
    OBJECTS[path] = b"".join(parts[number] for number in sorted(parts))
    return 200, xml("CompleteMultipartUploadResult", f"<ETag>{escape(etag(OBJECTS[path]))}</ETag>"), {}


def deleted(bucket: str, body: bytes) -> Answer:
    keys = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", body.decode())]
    for key in keys:
        OBJECTS.pop(f"{bucket}/{key}", None)
    return 200, xml("DeleteResult", "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)), {}


def answer(method: str, path: str, asked: dict[str, str], body: bytes) -> Answer:
    bucket, _, key = path.partition("/")
    if "uploadId" in asked or "uploads" in asked:
        return upload(method, path, asked, body)
    if "delete" in asked:
        return deleted(bucket, body)
    if not key:
        return listed(bucket, asked)
    if method == "PUT":
        OBJECTS[path] = body
        return 200, b"", {"etag": etag(body)}
    if method == "DELETE":
        OBJECTS.pop(path, None)
        return 204, b"", {}
    if path not in OBJECTS:
        return no_such(key)
    data = OBJECTS[path]
    headers = {"etag": etag(data), "last-modified": formatdate(1_767_225_600, usegmt=True), "x-size": str(len(data))}
    return 200, data, headers


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    asked = {k: v[0] for k, v in parse_qs(scope["query_string"].decode(), keep_blank_values=True).items()}
    status, data, headers = answer(scope["method"], unquote(scope["path"]).strip("/"), asked, body)
    headers["content-length"] = str(len(data))
    raw = [(k.encode(), v.encode()) for k, v in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else data})


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads it
    uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off")).run(sockets=[listening])
