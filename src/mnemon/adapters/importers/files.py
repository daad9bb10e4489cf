"""Opening what is to be imported: a plain file, a gzip file, a pipe; with how far reading has come."""

from __future__ import annotations

import gzip
import io
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.records import printable
from mnemon.core.errors import Invalid, NotFound
from mnemon.core.ids import digest

HEAD = 64 * 1024
"""How many bytes at most tell one file from another."""

STDIN = "-"
_GZIP_MAGIC = b"\x1f\x8b"


def is_pipe(path: Path) -> bool:
    """Tell whether the path can be read once only: standard input, a FIFO, a shell's process substitution."""
    if str(path) == STDIN:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def require_exists(path: Path) -> None:
    """Let pass only a path that is there.

    Raises:
        NotFound: nothing is there.
    """
    if not is_pipe(path) and not path.exists():
        raise NotFound(
            f"There is no file {path}.",
            code="not_found.import_file",
            hint="Check the path; it is taken relative to the current directory.",
            path=str(path),
        )


def require_file(path: Path, wanted: str) -> int:
    """Return the size in bytes of a file that is there and holds something.

    Args:
        path: the file.
        wanted: what it ought to be, for the message (``a chatgpt export``).

    Raises:
        NotFound: nothing is there.
        Invalid: it is a directory, or empty, or may not be read.
    """
    require_exists(path)
    if path.is_dir():
        raise Invalid(
            f"{path} is a directory, and {wanted} is one file.",
            code="invalid.import.directory",
            hint="Name the file inside it.",
            path=str(path),
        )
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, io.SEEK_END)
    except OSError as error:
        raise Invalid(
            f"{path} cannot be read: {error.strerror or error}.",
            code="invalid.import.unreadable",
            hint="Check who may read it.",
            path=str(path),
        ) from error
    if size == 0:
        raise Invalid(
            f"{path} is empty.",
            code="invalid.import.empty",
            hint="Export it again, or check that it was copied whole.",
            path=str(path),
        )
    return size


def head_and_tail(path: Path, size: int) -> str:
    """Return a digest of a file's size, beginning and end: what identifies an export that is written once."""
    with path.open("rb") as stream:
        head = stream.read(HEAD)
        stream.seek(max(0, size - HEAD))
        tail = stream.read(HEAD)
    return digest(str(size), head.hex(), tail.hex())


def is_gzip(path: Path) -> bool:
    """Tell whether a regular file begins as gzip does."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


class ByteSource:
    """The bytes of one file, plain or gzip, or of a pipe, to be read from any offset on."""

    def __init__(self, path: Path, wanted: str) -> None:
        self.path = path
        self.pipe: BinaryIO | None = None
        self.total: int | None = None
        self._raw: BinaryIO | None = None
        self._read = 0
        if is_pipe(path):
            # Opened once, here: what has been looked at cannot be read again.
            self.pipe = sys.stdin.buffer if str(path) == STDIN else path.open("rb")
            self.name = STDIN if str(path) == STDIN else printable(path.name)
            self.gzip = False
        else:
            self.total = require_file(path, wanted)
            self.name = printable(path.name)
            self.gzip = is_gzip(path)

    def first_line(self) -> bytes:
        """Return the first line, or as much of it as :data:`HEAD` bytes; a pipe still yields it afterwards."""
        if self.pipe is not None:
            line = self.pipe.readline(HEAD)
            if not line:
                raise Invalid(
                    "Nothing came through the pipe.",
                    code="invalid.import.empty",
                    hint="Check the command before it.",
                    path=str(self.path),
                )
            self.pipe = cast("BinaryIO", io.BufferedReader(_Pushback(line, self.pipe)))
            return line
        try:
            with self.open(0) as stream:
                return stream.readline(HEAD)
        except (EOFError, OSError) as error:
            raise Invalid(
                f"{self.path} is not whole: {error}.",
                code="invalid.import.damaged",
                hint="Compress or download it again.",
                path=str(self.path),
            ) from error

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file as it lies on the disk have been read."""
        if self._raw is not None and not self._raw.closed:
            self._read = self._raw.tell()
        return self._read

    @contextmanager
    def open(self, offset: int) -> Iterator[BinaryIO]:
        """Open the (decompressed) bytes from an offset on."""
        if self.pipe is not None:
            left = offset
            while left and (chunk := self.pipe.read(min(left, HEAD))):
                left -= len(chunk)
            try:
                yield self.pipe
            finally:
                if self.name != STDIN:
                    self.pipe.close()
            return
        with self.path.open("rb") as raw:
            self._raw = raw
            stream = cast("BinaryIO", _Inflated(raw, self.name)) if self.gzip else raw
            try:
                stream.seek(offset)
                yield stream
            finally:
                self._read = raw.tell()


class _Inflated:
    """What a gzip file unpacks to, which is refused where it is more than any text unpacks to."""

    def __init__(self, raw: BinaryIO, name: str) -> None:
        self._raw = raw
        self._name = name
        self._stream = gzip.GzipFile(fileobj=raw)
        self._count = 0

    def seek(self, offset: int) -> int:
        """Pass over what was read before."""
        while self._count < offset and self.read(min(offset - self._count, HEAD)):
            pass
        return self._count

    def read(self, size: int = -1) -> bytes:
        """Return unpacked bytes."""
        return self._counted(self._stream.read(size))

    def readline(self, size: int = -1) -> bytes:
        """Return an unpacked line."""
        return self._counted(self._stream.readline(size))

    def _counted(self, chunk: bytes) -> bytes:
        self._count += len(chunk)
        packed = self._raw.tell()
        if self._count > limits.RATIO_MATTERS and self._count > limits.MAX_RATIO * packed:
            raise Invalid(
                f"{self._name} unpacks to more than {self._count:,} bytes from {packed:,}: no text packs like that.",
                code="invalid.import.bomb",
                hint="Do not trust this file. If it is a log that says the same all the time, unpack it first.",
            )
        return chunk


class _Pushback(io.RawIOBase):
    """A pipe with some bytes put back in front of it."""

    def __init__(self, front: bytes, rest: BinaryIO) -> None:
        self._front = memoryview(front)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed and self._rest is not sys.stdin.buffer:
            self._rest.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._front:
            count = min(len(buffer), len(self._front))
            buffer[:count] = self._front[:count]
            self._front = self._front[count:]
            return count
        # read1, not read: a line typed into a pipe is to be seen at once, not when a block is full.
        read1 = getattr(self._rest, "read1", self._rest.read)
        chunk: bytes = read1(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
