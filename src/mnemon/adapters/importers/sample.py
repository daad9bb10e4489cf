"""A file as detection sees it: its name, what it is, how it begins; none of it costs more than its first 4 MB."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from enum import IntEnum
from functools import cached_property
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO, Literal

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.archive import Tree, open_tree
from mnemon.adapters.importers.files import is_gzip, is_pipe, require_exists, require_file
from mnemon.adapters.importers.jsonstream import top_keys

_BOM = b"\xef\xbb\xbf"

Kind = Literal["file", "gzip", "zip", "directory", "pipe"]


class Certainty(IntEnum):
    """How sure an importer is that a file is of its format."""

    NO = 0
    POSSIBLE = 1
    """Its name is that of the format, or it looks a little like it: taken if nobody is certain."""
    CERTAIN = 2
    """What is in it is in no other format."""


class Sample:
    """What an importer decides by whether a file is of its format.

    Everything here is bounded, whatever the file; an importer that opens :attr:`path` itself has to see to that.

    Attributes:
        path: the file or directory.
        name: its name in lower case.
        kind: ``file``, ``gzip``, ``zip``, ``directory``, or ``pipe``, of which nothing can be seen beforehand.
    """

    def __init__(self, path: Path) -> None:
        """Look at what is there.

        Raises:
            NotFound: nothing is there.
            Invalid: it is empty, or may not be read.
        """
        self.path = path
        self.name = path.name.lower()
        self.kind = _kind(path)
        self._keys: dict[str | None, _Remembered] = {}

    @cached_property
    def head(self) -> bytes:
        """How a file begins, at most 4 MB, unpacked if it is gzip; nothing for an archive, a directory or a pipe."""
        return self._beginning(lambda stream: stream.read(limits.MAX_HEAD))

    @cached_property
    def first_line(self) -> bytes:
        """The first line of :attr:`head`, without blanks around it."""
        return self._beginning(lambda stream: stream.readline(limits.MAX_HEAD)).strip()

    def _beginning(self, read: Callable[[BufferedIOBase], bytes]) -> bytes:
        if self.kind not in ("file", "gzip"):
            return b""
        try:
            with gzip.open(self.path) if self.kind == "gzip" else self.path.open("rb") as stream:
                return read(stream).removeprefix(_BOM)
        except (EOFError, OSError, zlib.error):
            return b""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The files of an archive or of a directory and the folders in it, sorted; nothing for a single file.

        Raises:
            Invalid: the archive is damaged, or holds more than an archive may (:mod:`limits`).
        """
        return tuple(sorted(self._tree.sizes)) if self.kind in ("zip", "directory") else ()

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Return a file of the archive or directory, by one of its :attr:`names`."""
        return self._tree.open(name)

    @property
    def is_document(self) -> bool:
        """Whether this may be one document of JSON: a plain file."""
        return self.kind == "file"

    def keys(self, name: str | None = None) -> Iterator[str]:
        """Yield the keys of a JSON document's object, or of the objects of its array, as far as its first 4 MB go.

        Args:
            name: which of :attr:`names` the document is; None for the file itself.
        """
        if name not in self._keys:
            self._keys[name] = _Remembered(self._read_keys(name))
        return iter(self._keys[name])

    def _read_keys(self, name: str | None) -> Iterator[str]:
        if name is not None:
            with self._tree as tree, tree.open(name) as stream:
                yield from top_keys(stream)
        elif self.is_document:
            with self.path.open("rb") as stream:
                yield from top_keys(stream)

    @cached_property
    def _tree(self) -> Tree:
        return open_tree(self.path, "what is imported")


class _Remembered:
    """Keys that are read once, and no further than somebody asks for them."""

    def __init__(self, keys: Iterator[str]) -> None:
        self._rest = keys
        self._read: list[str] = []
        self._seen: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        at = 0
        while at < len(self._read) or self._more():
            yield self._read[at]
            at += 1

    def _more(self) -> bool:
        """Read on to a key that was not there before; whether there is one."""
        for key in self._rest:
            if key not in self._seen:
                self._seen.add(key)
                self._read.append(key)
                return True
        return False


def _kind(path: Path) -> Kind:
    if is_pipe(path):
        return "pipe"
    require_exists(path)
    if path.is_dir():
        return "directory"
    require_file(path, "what is imported")
    if is_gzip(path):
        return "gzip"
    return "zip" if zipfile.is_zipfile(path) else "file"
