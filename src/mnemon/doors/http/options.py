"""How a process serves HTTP."""

from __future__ import annotations

from dataclasses import dataclass

#: Addresses of this machine alone.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How a process serves HTTP.

    Attributes:
        host, port: where it listens.
        trust_loopback: callers of this machine that bring no key act as the organisation itself.
        secure: TLS is ended in front of it, so cookies are for HTTPS alone.
        worker: a worker of the queue runs inside.
        mcp: agents are served at ``/mcp``, where the extra for it is installed.
        open_metrics: measurements are for whoever can reach the port, not for this machine alone.
        body_bytes: bytes that a body may have; ``stream_bytes``: one of NDJSON.
        body_seconds: seconds for a body to arrive; ``request_seconds``: for a call to be answered.
        per_minute: calls a minute for each key, session or, without one, address; 0: as many as they like.
        burst: of them in one second.
        connections: connections at a time; 0: any number.
        grace: seconds for running calls to end when it is stopped.
        setup: what the one-time link of the first administrator carries; empty: there is none.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    trust_loopback: bool = False
    secure: bool = False
    worker: bool = True
    mcp: bool = True
    open_metrics: bool = False
    body_bytes: int = 8_388_608
    stream_bytes: int = 268_435_456
    body_seconds: float = 60.0
    request_seconds: float = 120.0
    per_minute: int = 6000
    burst: int = 400
    connections: int = 4000
    grace: float = 20.0
    setup: str = ""

    @property
    def is_loopback(self) -> bool:
        """Whether it listens on this machine alone."""
        return self.host in LOOPBACK
