"""Opening what is to be imported: a plain file, a gzip file, a pipe; with how far reading has come."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import stat
import sys
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.records import Mark, excerpt, printable
from mnemon.core.errors import Invalid, NotFound
from mnemon.core.ids import digest

HEAD = 64 * 1024
"""How many bytes of a first line are looked at before reading begins."""

_BLOCK = 1024 * 1024

#: What reading a file raises that is gone, may not be read, or is not what it was packed as.
DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile)

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
    with reading(path):
        is_there = is_pipe(path) or path.exists()
    if not is_there:
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
        raise unreadable(path, error) from error
    if size == 0:
        raise Invalid(
            f"{path} is empty.",
            code="invalid.import.empty",
            hint="Export it again, or check that it was copied whole.",
            path=str(path),
        )
    return size


class Running:
    """The digest of all that has been read so far."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self.count = 0

    def update(self, chunk: bytes) -> None:
        """Note what was read next."""
        self._hash.update(chunk)
        self.count += len(chunk)

    def copy(self) -> Running:
        """Return another that goes on from here by itself."""
        other = Running()
        other._hash, other.count = self._hash.copy(), self.count
        return other

    def mark(self) -> Mark:
        """Return the digest up to here."""
        return Mark(self.count, self._hash.hexdigest())

    def take(self, stream: BinaryIO, count: int) -> bool:
        """Read that many bytes of a stream; whether it has so many."""
        while count > 0 and (chunk := stream.read(min(count, _BLOCK))):
            self.update(chunk)
            count -= len(chunk)
        return count <= 0


def content_digest(path: Path) -> str:
    """Return the digest of a file's whole content: what identifies an export that is written once.

    Raises:
        Invalid: it cannot be read.
    """
    running = Running()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_BLOCK):
                running.update(chunk)
    except OSError as error:
        raise unreadable(path, error) from error
    mark = running.mark()
    return digest(str(mark.bytes), mark.digest)


def unreadable(path: Path, error: Exception) -> Invalid:
    """Return the error for a file that is gone, may not be read, or is damaged."""
    message, number = getattr(error, "strerror", None), getattr(error, "errno", None)
    hint = "Check who may read it."
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        hint = "It was there before: import again when nothing moves or removes it."
    elif message is None:
        hint = "It is damaged: copy, compress or download it again."
    return Invalid(
        f"{path} cannot be read: {excerpt(str(message or error), 200)}.",
        code="invalid.import.unreadable" if message else "invalid.import.damaged",
        hint=hint,
        path=str(path),
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system and the libraries raise at a file into an error that says what to do.

    Raises:
        Invalid: the file is gone, may not be read, or is damaged.
    """
    try:
        yield
    except DAMAGE as error:
        raise unreadable(path, error) from error


def read_line(stream: BinaryIO, note: Callable[[bytes], None] | None = None) -> tuple[bytes, int]:
    """Return the next line, cut off after :data:`limits.MAX_LINE` bytes, and its whole length in bytes.

    Args:
        stream: what is read.
        note: takes each piece of a line that is cut off, and nothing of any other.
    """
    raw = stream.readline(limits.MAX_LINE + 1)
    size = len(raw)
    if size <= limits.MAX_LINE or raw.endswith(b"\n"):
        return raw, size
    if note is not None:
        note(raw)
    while chunk := stream.readline(HEAD):
        if note is not None:
            note(chunk)
        size += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return raw[:HEAD], size


def is_gzip(path: Path) -> bool:
    """Tell whether a regular file begins as gzip does.

    Raises:
        Invalid: it cannot be read.
    """
    with reading(path), path.open("rb") as stream:
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
            with reading(path):
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
        with reading(self.path), self.open(0) as stream:
            return stream.readline(HEAD)

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file as it lies on the disk have been read."""
        if self._raw is not None and not self._raw.closed:
            self._read = self._raw.tell()
        return self._read

    def marks(self, lengths: Collection[int]) -> set[Mark]:
        """Return the marks of the first so many bytes, as far as the file has them; a pipe has none beforehand."""
        if self.pipe is not None or not lengths:
            return set()
        running, matches = Running(), set[Mark]()
        try:
            with self.open(0) as stream:
                for length in sorted(set(lengths)):
                    if not running.take(stream, length - running.count):
                        break
                    matches.add(running.mark())
        except (EOFError, OSError, zlib.error):
            pass  # reading will say so, at its place
        return matches

    @contextmanager
    def open(self, offset: int, running: Running | None = None) -> Iterator[BinaryIO]:
        """Open the (decompressed) bytes from an offset on; `running` takes note of those before it."""
        if self.pipe is not None:
            (running or Running()).take(self.pipe, offset)
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
                if running is None:
                    stream.seek(offset)
                else:
                    running.take(stream, offset)
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


class _Unpacked(io.RawIOBase):
    """A gzip file as its content, which closes the file with it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._inflated = _Inflated(self._file, printable(path.name))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._inflated.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_plain(path: Path) -> BinaryIO:
    """Open a file's content, unpacked if it is gzip."""
    return cast("BinaryIO", io.BufferedReader(_Unpacked(path))) if is_gzip(path) else path.open("rb")


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
