"""Connections that say nothing, or too much before they say what they want, are ended."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds for the head of a call, from its first byte or from the connection on.
HEAD_SECONDS = 15.0
#: Bytes that the head of a call may have.
HEAD_BYTES = 65_536
_PROBLEM = (
    b'{"type":"about:blank","title":"Request Header Fields Too Large","status":431,'
    b'"detail":"The head of the call has too many bytes.","code":"invalid.head_too_large","request_id":"-"}'
)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\ncontent-length: "
    + str(len(_PROBLEM)).encode()
    + b"\r\nconnection: close\r\n\r\n"
    + _PROBLEM
)


class Patient(HttpToolsProtocol):
    """A connection whose calls have to begin in time; a body has a limit of its own."""

    def connection_made(self, transport: Any) -> None:
        """Wait for a call, and not for ever."""
        super().connection_made(transport)
        self._head = 0
        self._in_head = True
        self._waits: asyncio.TimerHandle | None = None
        self._begin_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._end_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has more than it may have."""
        if self._in_head:
            self._head += len(data)
            if self._head > HEAD_BYTES + self._end_of_head(data):
                self._end_waiting()
                self.transport.write(_TOO_LARGE)
                self.transport.close()
                return
        super().data_received(data)

    def _end_of_head(self, data: bytes) -> int:
        """Return how many bytes of this are of a body already, as far as that is seen."""
        end = data.find(b"\r\n\r\n")
        return len(data) - end - 4 if end >= 0 else 0

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        super().on_message_begin()
        self._in_head = True
        if self._waits is None:
            self._begin_waiting()

    def on_headers_complete(self) -> None:
        """Be done with a head."""
        self._end_waiting()
        self._in_head = False
        self._head = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Be ready for the next call of the connection."""
        super().on_message_complete()
        self._in_head = True
        self._head = 0

    def _begin_waiting(self) -> None:
        self._waits = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _end_waiting(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None

    def _give_up(self) -> None:
        self._waits = None
        if not self.transport.is_closing():
            self.transport.close()
