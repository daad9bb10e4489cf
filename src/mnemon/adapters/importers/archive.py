"""An export as a tree of files: a zip archive, a directory, or one file alone. Nothing is ever unpacked to disk."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from mnemon.adapters.importers.files import head_and_tail, require_exists, require_file
from mnemon.adapters.importers.records import printable
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

MAX_RATIO = 200
"""How many times larger than packed an entry may be: text packs 3 to 20 times, a bomb a thousand."""

_RATIO_MATTERS = 16 * 1024 * 1024
# All that zipfile raises on a file that is not as it should be, whichever way.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class Tree:
    """The files of an export, by their names with slashes."""

    def __init__(self, path: Path, sizes: dict[str, int]) -> None:
        self.path = path
        self.sizes = sizes
        self.fingerprint = ""
        self._done = 0
        self._current: _Counted | None = None

    @property
    def bytes_read(self) -> int:
        """How many bytes of its files have been read, unpacked."""
        return self._done + (self._current.count if self._current else 0)

    def label(self, name: str) -> str:
        """How a file of the tree is named in a position."""
        return printable(f"{self.path.name}/{name}")

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """One file's bytes.

        Raises:
            Invalid: it is damaged, needs a password, or is a bomb.
        """
        with self._open(name) as raw:
            self._current = _Counted(raw, self.label(name))
            try:
                yield cast("BinaryIO", self._current)
            finally:
                self._done += self._current.count
                self._current = None

    def _open(self, name: str) -> BinaryIO:
        return (self.path / name).open("rb")


class _Single(Tree):
    """One file, as a tree of itself."""

    def label(self, name: str) -> str:
        return printable(name)

    def _open(self, name: str) -> BinaryIO:
        return self.path.open("rb")


class _Zip(Tree):
    """A zip archive."""

    def _open(self, name: str) -> BinaryIO:
        try:
            archive = zipfile.ZipFile(self.path)
        except _DAMAGE as error:
            raise _damaged(self.path.name, error) from error
        with archive:
            info = archive.getinfo(name)
            if info.flag_bits & 1:
                raise Invalid(
                    f"{self.label(name)} needs a password.",
                    code="invalid.import.password",
                    hint="Unpack the archive yourself and import what is in it.",
                )
            if info.file_size > _RATIO_MATTERS and info.file_size > MAX_RATIO * max(1, info.compress_size):
                raise Invalid(
                    f"{self.label(name)} unpacks to {info.file_size:,} bytes from {info.compress_size:,}: "
                    "no text packs like that.",
                    code="invalid.import.bomb",
                    hint="Do not trust this archive; export the conversations again.",
                )
            try:
                # Stays readable when the archive is closed: zipfile counts the readers of the underlying file.
                return cast("BinaryIO", archive.open(info))
            except _DAMAGE as error:
                raise _damaged(self.label(name), error) from error


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


def open_tree(path: Path, wanted: str) -> Tree:
    """The files of an export.

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
    tree: Tree
    with path.open("rb") as stream:
        packed = stream.read(4) == b"PK\x03\x04"
    if packed or zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                tree = _Zip(path, {i.filename: i.file_size for i in archive.infolist() if not i.is_dir()})
        except _DAMAGE as error:
            raise _damaged(path.name, error) from error
    else:
        tree = _Single(path, {path.name: size})
    tree.fingerprint = head_and_tail(path, size)
    return tree


def _directory(path: Path) -> Tree:
    found = [file for file in sorted(path.glob("*.json")) + sorted(path.glob("*/*.json")) if file.is_file()]
    tree = Tree(path, {file.relative_to(path).as_posix(): file.stat().st_size for file in found})
    tree.fingerprint = digest(*(f"{name}:{size}" for name, size in tree.sizes.items()))
    return tree


def _damaged(label: str, error: Exception) -> Invalid:
    return Invalid(
        f"{label} cannot be unpacked: {error}.",
        code="invalid.import.zip",
        hint="The archive is damaged or incomplete; download it again.",
    )
