"""Fixtures of the embedder tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from .loopback import Endpoint, Handler


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A running endpoint at ``endpoint.url``."""
    state = Endpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"endpoint": state}))
    server.daemon_threads = True
    server.block_on_close = False
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    state.over.set()
    server.shutdown()
    server.server_close()
