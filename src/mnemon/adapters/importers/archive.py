"""An export as a tree of files: a zip archive, a directory, or one file alone.

Nothing is ever unpacked to disk, no link is followed, and a name in an archive is only ever compared, never opened.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.files import (
    Running,
    content_digest,
    open_plain,
    require_exists,
    require_file,
    unreadable,
)
from mnemon.adapters.importers.records import excerpt, printable
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

# Stored, deflated, bzip2. LZMA is left out: an entry says itself how many gigabytes it wants to unpack with.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_ENTRY = 30  # bytes that an entry takes at least beside its name and what is packed
_LISTED = 100  # and about so many in the archive's list
_TAIL = 65_557 + 76
# All that zipfile raises on a file that is not as it should be, whichever way.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class Tree:
    """The files of an export, by their names with slashes; what it holds open is closed at the end of a block."""

    def __init__(self, path: Path, sizes: dict[str, int]) -> None:
        self.path = path
        self.sizes = sizes
        self._done = 0
        self._current: _Counted | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is open; opening a file opens it again."""

    def identify(self) -> str:
        """Return the digest of all that is in it: of the archive as it lies there, or of a directory's files.

        Raises:
            Invalid: a file of it cannot be read.
        """
        if not self.path.is_dir():
            return content_digest(self.path)
        return digest(*(part for name in self.sizes for part in (name, self.digest_of(name))))

    def restart(self) -> None:
        """Count what is read from now on."""
        self._done = 0

    def digest_of(self, name: str) -> str:
        """Return the digest of one file's content.

        Raises:
            Invalid: it cannot be read.
        """
        running = Running()
        with self._open(name) as stream:
            while chunk := stream.read(1024 * 1024):
                running.update(chunk)
        return running.mark().digest

    @property
    def bytes_read(self) -> int:
        """How many bytes of its files have been read, unpacked."""
        return self._done + (self._current.count if self._current else 0)

    def label(self, name: str) -> str:
        """Return how a file of the tree is named in a position."""
        return printable(f"{self.path.name}/{name}")

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open one file's bytes.

        Raises:
            Invalid: it is damaged, needs a password, is a link, or is a bomb.
        """
        with self._open(name) as raw:
            self._current = _Counted(raw, self.label(name))
            try:
                yield cast("BinaryIO", self._current)
            finally:
                self._done += self._current.count
                self._current = None

    def _open(self, name: str) -> BinaryIO:
        try:
            # Not followed if it became a link since it was listed, nor waited for if it became a pipe.
            fd = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _damaged(self.label(name), error) from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise _link(self.label(name))
        return os.fdopen(fd, "rb")


class _Single(Tree):
    """One file, as a tree of itself."""

    def label(self, name: str) -> str:
        return printable(name)

    def _open(self, name: str) -> BinaryIO:
        return open_plain(self.path)


class _Zip(Tree):
    """A zip archive, whose list of files is read once and not for each file."""

    _archive: zipfile.ZipFile | None = None

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()
        self._archive = None

    def _open(self, name: str) -> BinaryIO:
        try:
            if self._archive is None:
                self._archive = zipfile.ZipFile(self.path)
            info = self._archive.getinfo(name)
        except (*_DAMAGE, KeyError) as error:
            raise _damaged(printable(self.path.name), error) from error
        self._refuse(info)
        try:
            return cast("BinaryIO", self._archive.open(info))
        except _DAMAGE as error:
            raise _damaged(self.label(name), error) from error

    def _refuse(self, info: zipfile.ZipInfo) -> None:
        label = self.label(info.filename)
        if info.flag_bits & 1:
            raise Invalid(
                f"{label} needs a password.",
                code="invalid.import.password",
                hint="Unpack the archive yourself and import what is in it.",
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _link(label)
        if info.compress_type not in _METHODS:
            raise Invalid(
                f"{label} is packed by a method that no export uses (number {info.compress_type}).",
                code="invalid.import.zip",
                hint="Give the zip file as it was downloaded, or unpack it and import what is in it.",
            )
        _refuse_bomb(label, info.file_size, info.compress_size)


class _Counted:
    """A file being read, which counts, and turns damage into an error that says what to do."""

    def __init__(self, raw: BinaryIO, label: str) -> None:
        self._raw = raw
        self._label = label
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        try:
            chunk = self._raw.read(size)
        except _DAMAGE as error:
            raise _damaged(self._label, error) from error
        self.count += len(chunk)
        return chunk

    def readline(self, size: int = -1) -> bytes:
        try:
            line = self._raw.readline(size)
        except _DAMAGE as error:
            raise _damaged(self._label, error) from error
        self.count += len(line)
        return line


class MemberSource:
    """One file of a zip archive, read from its beginning."""

    def __init__(self, path: Path, member: str, wanted: str) -> None:
        self._tree = open_tree(path, wanted)
        if member not in self._tree.sizes:
            raise Invalid(
                f"{path} has no file {printable(member)[:200]}.",
                code="invalid.import.member",
                hint="Give the archive alone.",
                path=str(path),
            )
        self.member = member
        self.name = self._tree.label(member)
        self.total: int | None = self._tree.sizes[member]

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file, unpacked, have been read."""
        return self._tree.bytes_read

    def identify(self) -> str:
        """Return the digest of the file's content."""
        return self._tree.digest_of(self.member)

    @contextmanager
    def open(self, _offset: int) -> Iterator[BinaryIO]:
        """Open the file's bytes."""
        self._tree.restart()
        with self._tree as tree, tree.open(self.member) as stream:
            yield stream


def open_tree(path: Path, wanted: str) -> Tree:
    """Return the files of an export.

    Args:
        path: a zip archive, a directory or one file.
        wanted: what it ought to be, for messages.

    Raises:
        NotFound: nothing is there.
        Invalid: it is empty, or a zip archive that cannot be read.
    """
    require_exists(path)
    if path.is_dir():
        return _directory(path)
    size = require_file(path, wanted)
    with path.open("rb") as stream:
        packed = stream.read(4) == b"PK\x03\x04"
    zipped = packed or zipfile.is_zipfile(path)
    return _Zip(path, _contents(path, size)) if zipped else _Single(path, {path.name: size})


def _contents(path: Path, size: int) -> dict[str, int]:
    """Return the files of a zip archive and their unpacked sizes.

    Raises:
        Invalid: it is damaged, holds more files than an export has, two of one name, or some that share their bytes.
    """
    label = printable(path.name)
    if _list_size(path, size) > limits.MAX_ENTRIES * _LISTED:
        raise _crowded(label)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except _DAMAGE as error:
        raise _damaged(label, error) from error
    if len(infos) > limits.MAX_ENTRIES:
        raise _crowded(label)
    sizes: dict[str, int] = {}
    packed = unpacked = 0
    for info in infos:
        packed += info.compress_size + _ENTRY + len(info.filename)
        unpacked += info.file_size
        if info.filename in sizes:
            raise _damaged(label, ValueError(f"it has two entries named {printable(info.filename)[:100]}"))
        sizes[info.filename] = info.file_size
    if packed > size:
        raise _damaged(label, ValueError("its entries lie one over the other"))
    _refuse_bomb(label, unpacked, size)
    return {info.filename: info.file_size for info in infos if not info.filename.endswith("/")}


def _list_size(path: Path, size: int) -> int:
    """Return how many bytes an archive's list of files has, which is read whole before anything else is known.

    0 where there is no list: then it is no archive, which others say.
    """
    with path.open("rb") as stream:
        stream.seek(max(0, size - _TAIL))
        tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    stated_size = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    # Before it, in an archive of more than 4 GB or 65,535 files, its like with longer numbers.
    large = tail.rfind(b"PK\x06\x06", 0, max(end, 0))
    return max(
        stated_size if stated_size != 0xFFFFFFFF else 0,
        int.from_bytes(tail[large + 40 : large + 48], "little") if large >= 0 else 0,
    )


def _directory(path: Path) -> Tree:
    names = _json_files(path, path)
    folders: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_symlink() and entry.is_dir():
                raise _link(printable(f"{path.name}/{entry.name}"))
    for folder in sorted(folders):
        names |= _json_files(path, path / folder)
        if len(names) > limits.MAX_ENTRIES:
            raise _crowded(printable(path.name))
    return Tree(path, names)


def _json_files(root: Path, folder: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.endswith(".json"):
                    continue
                name = entry.name if folder == root else f"{folder.name}/{entry.name}"
                if entry.is_symlink():
                    raise _link(printable(f"{root.name}/{name}"))
                if entry.is_file():
                    sizes[name] = entry.stat().st_size
    except OSError as error:
        raise unreadable(folder, error) from error
    return dict(sorted(sizes.items()))


def _refuse_bomb(label: str, unpacked: int, packed: int) -> None:
    if unpacked > limits.RATIO_MATTERS and unpacked > limits.MAX_RATIO * max(1, packed):
        raise Invalid(
            f"{label} unpacks to {unpacked:,} bytes from {packed:,}: no text packs like that.",
            code="invalid.import.bomb",
            hint="Do not trust this archive; export the conversations again.",
        )


def _crowded(label: str) -> Invalid:
    return Invalid(
        f"{label} has more than {limits.MAX_ENTRIES:,} files.",
        code="invalid.import.entries",
        hint="Export a shorter time, or unpack it and import folder by folder.",
    )


def _link(label: str) -> Invalid:
    return Invalid(
        f"{label} is a link or no plain file, and what it leads to is not part of the export.",
        code="invalid.import.link",
        hint="Put a copy of the file in its place if it belongs there.",
    )


def _damaged(label: str, error: Exception) -> Invalid:
    return Invalid(
        f"{label} cannot be unpacked: {excerpt(str(error), 200)}.",
        code="invalid.import.zip",
        hint="The archive is damaged or incomplete; download it again.",
    )
