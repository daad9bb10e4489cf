"""An export as a tree of files: a zip archive, a directory, or one file alone.

Nothing is ever unpacked to disk, no link is followed, and a name in an archive is only ever compared, never opened.
"""

from __future__ import annotations

import os
import stat
import zipfile
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
    reading,
    require_exists,
    require_file,
    unreadable,
)
from mnemon.adapters.importers.records import printable
from mnemon.adapters.importers.zips import DAMAGE, Archive, crowded, damaged, linked
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest


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
        with self._open(name) as raw:
            stream = _Counted(raw, self.label(name))
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
            raise unreadable(self.path / name, error) from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise linked(self.label(name))
        return os.fdopen(fd, "rb")


class _Single(Tree):
    """One file, as a tree of itself."""

    def label(self, name: str) -> str:
        return printable(name)

    def _open(self, name: str) -> BinaryIO:
        with reading(self.path):
            return open_plain(self.path)


class _Zip(Tree):
    """A zip archive, whose list of files is read once and not for each file."""

    def __init__(self, archive: Archive, *, kept: bool) -> None:
        """Take an open archive; one that is kept is somebody else's to close."""
        super().__init__(archive.path, archive.sizes)
        self._archive = archive
        self._kept = kept

    def close(self) -> None:
        if not self._kept:
            self._archive.close()

    def _open(self, name: str) -> BinaryIO:
        return self._archive.open(name)


class _Counted:
    """A file being read, which counts, and turns damage into an error that says what to do."""

    def __init__(self, raw: BinaryIO, label: str) -> None:
        self._raw = raw
        self._label = label
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        try:
            chunk = self._raw.read(size)
        except DAMAGE as error:
            raise damaged(self._label, error) from error
        self.count += len(chunk)
        return chunk

    def readline(self, size: int = -1) -> bytes:
        try:
            line = self._raw.readline(size)
        except DAMAGE as error:
            raise damaged(self._label, error) from error
        self.count += len(line)
        return line


class MemberSource:
    """One file of a zip archive, read from its beginning."""

    def __init__(self, path: Path, member: str, wanted: str, archive: Archive | None = None) -> None:
        self._tree = open_tree(path, wanted, archive)
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
        with self._tree as tree:
            return tree.digest_of(self.member)

    @contextmanager
    def open(self, _offset: int) -> Iterator[BinaryIO]:
        """Open the file's bytes."""
        self._tree.restart()
        with self._tree as tree, tree.open(self.member) as stream:
            yield stream


def open_tree(path: Path, wanted: str, archive: Archive | None = None) -> Tree:
    """Return the files of an export.

    Args:
        path: a zip archive, a directory or one file.
        wanted: what it ought to be, for messages.
        archive: the archive, where it is open already; it stays open.

    Raises:
        NotFound: nothing is there.
        Invalid: it is empty, cannot be read, or is a zip archive that is damaged.
    """
    if archive is not None:
        return _Zip(archive, kept=True)
    require_exists(path)
    if path.is_dir():
        return _directory(path)
    size = require_file(path, wanted)
    with reading(path), path.open("rb") as stream:
        packed = stream.read(4) == b"PK\x03\x04"
    if not packed and not zipfile.is_zipfile(path):
        return _Single(path, {path.name: size})
    listed = Archive(path)
    listed.close()
    return _Zip(listed, kept=False)


def _directory(path: Path) -> Tree:
    names = _json_files(path, path)
    folders: list[str] = []
    with reading(path), os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_symlink() and entry.is_dir():
                raise linked(printable(f"{path.name}/{entry.name}"))
    for folder in sorted(folders):
        names |= _json_files(path, path / folder)
        if len(names) > limits.MAX_ENTRIES:
            raise crowded(printable(path.name))
    return Tree(path, names)


def _json_files(root: Path, folder: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    with reading(folder), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.endswith(".json"):
                continue
            name = entry.name if folder == root else f"{folder.name}/{entry.name}"
            if entry.is_symlink():
                raise linked(printable(f"{root.name}/{name}"))
            if entry.is_file():
                sizes[name] = entry.stat().st_size
    return dict(sorted(sizes.items()))
