"""A file as detection sees it: its name, what it is, how it begins; none of it costs more than its first 4 MB."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from enum import IntEnum
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.archive import Tree, open_tree
from mnemon.adapters.importers.charsets import encoding_of, in_characters
from mnemon.adapters.importers.files import is_gzip, is_pipe, open_plain, reading, require_exists, require_file
from mnemon.adapters.importers.jsonstream import DamagedJson, MeteredStream, elements, top_keys
from mnemon.adapters.importers.zips import Archive
from mnemon.core.errors import Invalid

_BOM = b"\xef\xbb\xbf"
_TEXT = 64 * 1024
#: Marks of direction and the like, which are not printed and stand in texts.
_FORMAT = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufffd"

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
        name: its name in lower case; ``plain_name``: without the ``.gz`` of a gzip file.
        kind: ``file``, ``gzip``, ``zip``, ``directory``, or ``pipe``, of which nothing can be seen beforehand.
    """

    def __init__(self, path: Path, member: str | None = None, archive: Archive | None = None) -> None:
        """Look at what is there: a file or directory, or one file of an archive.

        Args:
            path: the file or directory.
            member: the name of a file in the archive that the path is.
            archive: that archive, where it is open already; it stays open.

        Raises:
            NotFound: nothing is there.
            Invalid: it is empty, or may not be read.
        """
        self.path = path
        self.member = member
        self._archive = archive
        self.name = (path.name if member is None else member.rsplit("/", 1)[-1]).lower()
        with reading(path):
            self.kind: Kind = _kind(path) if member is None else "file"
        self.plain_name = self.name.removesuffix(".gz")
        self._keys: dict[str | None, _Remembered] = {}

    @cached_property
    def head(self) -> bytes:
        """How a file begins, at most 4 MB, unpacked if it is gzip; nothing for an archive, a directory or a pipe."""
        return self._beginning(lambda stream: stream.read(limits.MAX_HEAD))

    @cached_property
    def first_line(self) -> bytes:
        """The first line of :attr:`head`, without blanks around it."""
        return self._beginning(lambda stream: stream.readline(limits.MAX_HEAD)).strip()

    def _beginning(self, read: Callable[[Any], bytes]) -> bytes:
        if self.kind not in ("file", "gzip"):
            return b""
        try:
            with self._content() as stream:
                return read(stream).removeprefix(_BOM)
        except (EOFError, OSError, zlib.error, Invalid):
            return b""

    @contextmanager
    def _content(self) -> Iterator[Any]:
        """Open the file's bytes, unpacked."""
        if self.member is not None:
            with self._tree as tree, tree.open(self.member) as stream:
                yield stream
            return
        with open_plain(self.path) as stream:
            yield stream

    @cached_property
    def text(self) -> str:
        """How a file of text begins, at most its first 64 KB, whatever its encoding; nothing where it is no text."""
        head = self.head[:_TEXT]
        text = in_characters(head, encoding_of(head)).removeprefix("\ufeff") if head else ""
        strange = sum(not (c.isprintable() or c.isspace()) and c not in _FORMAT for c in text[:4096])
        return "" if strange * 20 > len(text[:4096]) or "\x00" in text[:4096] else text

    @cached_property
    def first(self) -> dict[str, Any] | None:
        """The first object of JSON: of lines, of an array, or the document itself, if it ends in the first 4 MB."""
        if self.first_line.startswith(b"{"):
            with suppress(ValueError, RecursionError):
                value = json.loads(self.first_line)
                return value if isinstance(value, dict) else None
        if self.head.lstrip()[:1] not in (b"[", b"{"):
            return None
        stream = MeteredStream(BytesIO(self.head), self.name)
        with suppress(DamagedJson, Invalid):
            value = next(elements(stream), None)
            return value if isinstance(value, dict) else None
        return None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The files of an archive or of a directory and the folders in it, sorted; nothing for a single file.

        Raises:
            Invalid: the archive is damaged, or holds more than an archive may (:mod:`limits`).
        """
        return tuple(sorted(self._tree.sizes)) if self.member is None and self.kind in ("zip", "directory") else ()

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Return a file of the archive or directory, by one of its :attr:`names`."""
        return self._tree.open(name)

    @cached_property
    def objects(self) -> tuple[dict[str, Any], ...]:
        """The objects of the first 20 lines."""
        found = []
        for line in self.head.split(b"\n", 20)[:20]:
            if line.lstrip().startswith(b"{"):
                with suppress(ValueError, RecursionError):
                    value = json.loads(line)
                    if isinstance(value, dict):
                        found.append(value)
        return tuple(found)

    @property
    def is_document(self) -> bool:
        """Whether this may be one document of JSON: a file."""
        return self.kind in ("file", "gzip")

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
            with suppress(EOFError, OSError, zlib.error), self._content() as stream:
                yield from top_keys(stream)

    @cached_property
    def _tree(self) -> Tree:
        return open_tree(self.path, "what is imported", self._archive)


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
