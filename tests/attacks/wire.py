"""A connection that keeps every byte the server sends: rows, errors, notices, notifications, copied data.

The driver would parse most of that and drop some; a judge of leaks must see all of it. It also sends the statements of
a try at once and reads the answers afterwards, so that thousands of tries take seconds.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from mnemon.db import embedded

#: Messages whose content somebody can read: rows, errors, notices, notifications, copied data, parameters.
_SAID = frozenset(b"DENAdS")


@dataclass(slots=True)
class Answer:
    """What came back for one statement (or several in one message)."""

    said: bytes = b""
    error: str | None = None  # the SQLSTATE
    message: str = ""
    at: str = ""  # where in the statement it does not parse, if that is so
    tags: list[str] = field(default_factory=list)
    rows: list[tuple[str | None, ...]] = field(default_factory=list)


class Closed(Exception):  # noqa: N818 - an event, not a fault
    """The server closed the connection."""


class Wire:
    """One session, by the simple query protocol."""

    def __init__(self, endpoint: embedded.Endpoint, role: str, database: str, options: str = "") -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(f"{endpoint.socket_dir}/.s.PGSQL.{endpoint.port}")
        self._buffer = bytearray()
        self.feed = b""  # what is sent where the server asks for data (COPY FROM STDIN)
        pairs = {"user": role, "database": database, "client_encoding": "UTF8", "options": options}
        body = b"".join(f"{k}\0{v}\0".encode() for k, v in pairs.items() if v) + b"\0"
        self._socket.sendall(struct.pack("!ii", len(body) + 8, 196608) + body)
        first = self._answer()
        if first.error is not None:
            raise Closed(first.message)

    def close(self) -> None:
        self._socket.close()

    def ask(self, statements: Sequence[str]) -> list[Answer]:
        """Send statements, each a message of its own, and return the answers; what fails does not stop the others.

        Raises:
            Closed: the server ended the connection.
        """
        if any("STDIN" in statement for statement in statements):  # one by one: it waits for data in between
            return [self._one(statement) for statement in statements]
        self._send(b"".join(_message(statement) for statement in statements))
        return [self._answer() for _ in statements]

    def one(self, statement: str) -> Answer:
        """Send one statement that must work, and return what it returns."""
        answer = self.ask([statement])[0]
        assert answer.error is None, f"{statement[:2000]}: {answer.message}"
        return answer

    def value(self, statement: str) -> str | None:
        """The first value of the first row."""
        return self.one(statement).rows[0][0]

    def _one(self, statement: str) -> Answer:
        self._send(_message(statement))
        return self._answer()

    def _send(self, messages: bytes) -> None:
        try:
            self._socket.sendall(messages)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed("the connection ended") from error

    def _answer(self) -> Answer:
        answer = Answer()
        said = []
        while True:
            kind, body = self._message()
            if kind in _SAID:
                said.append(body)
            if kind == ord("D"):
                answer.rows.append(_row(body))
            elif kind == ord("C"):
                answer.tags.append(body[:-1].decode())
            elif kind == ord("E"):
                fields = {chr(part[0]): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
                answer.error, answer.message = fields.get("C", "?"), fields.get("M", "")
                answer.at = "" if "W" in fields else fields.get("P", "")
                if fields.get("V") in {"FATAL", "PANIC"}:
                    raise Closed(answer.message)
            elif kind == ord("G"):
                self._socket.sendall(b"d" + struct.pack("!i", len(self.feed) + 4) + self.feed + b"c\0\0\0\4")
            elif kind == ord("R") and struct.unpack("!i", body[:4])[0] != 0:
                raise Closed("the server asks for a password")
            elif kind == ord("Z"):
                answer.said = b"\n".join(said)
                return answer

    def _message(self) -> tuple[int, bytes]:
        self._fill(5)
        length = struct.unpack_from("!i", self._buffer, 1)[0] + 1
        self._fill(length)
        kind, body = self._buffer[0], bytes(self._buffer[5:length])
        del self._buffer[:length]
        return kind, body

    def _fill(self, wanted: int) -> None:
        while len(self._buffer) < wanted:
            try:
                part = self._socket.recv(1 << 16)
            except ConnectionResetError:
                part = b""
            if not part:
                raise Closed("the connection ended")
            self._buffer += part


def _message(statement: str) -> bytes:
    body = statement.encode() + b"\0"
    return b"Q" + struct.pack("!i", len(body) + 4) + body


def _row(body: bytes) -> tuple[str | None, ...]:
    (count,) = struct.unpack_from("!h", body)
    at = 2
    values: list[str | None] = []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode(errors="replace"))
        at += max(length, 0)
    return tuple(values)
