"""A real HTTP server on loopback that plays an embeddings endpoint, well or badly as a test scripts it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np

DIMENSIONS = 8


def vector_of(text: str) -> list[float]:
    """A vector that depends on the text alone, not of length 1."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return [float(number) for number in np.random.default_rng(seed).normal(size=DIMENSIONS)]


def good_body(inputs: list[str]) -> dict[str, Any]:
    """What a healthy endpoint answers."""
    return {"data": [{"index": index, "embedding": vector_of(text)} for index, text in enumerate(inputs)]}


@dataclass
class Reply:
    """One scripted answer; without a body, a healthy one."""

    status: int = 200
    body: Callable[[list[str]], Any] | bytes = good_body
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False


class Endpoint:
    """What the server was asked, and what it shall answer: the scripted replies first, then healthy ones."""

    def __init__(self) -> None:
        self.url = ""
        self.script: list[Reply] = []
        self.always = Reply()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.under_way = 0
        self.most_under_way = 0
        self.lock = threading.Lock()
        self.over = threading.Event()

    @property
    def inputs(self) -> list[list[str]]:
        """The texts of each request."""
        return [body["input"] for body in self.bodies]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    endpoint: Endpoint

    def do_POST(self) -> None:
        endpoint = self.endpoint
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with endpoint.lock:
            endpoint.bodies.append({**body, "path": self.path})
            endpoint.headers.append(dict(self.headers.items()))
            endpoint.times.append(time.monotonic())
            endpoint.under_way += 1
            endpoint.most_under_way = max(endpoint.most_under_way, endpoint.under_way)
            reply = endpoint.script.pop(0) if endpoint.script else endpoint.always
        try:
            self._answer(reply, body["input"])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with endpoint.lock:
                endpoint.under_way -= 1

    def _answer(self, reply: Reply, inputs: list[str]) -> None:
        if self.endpoint.over.wait(reply.delay):
            return
        if reply.drop:
            self.close_connection = True
            return
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body(inputs)).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keeps the test output quiet."""
