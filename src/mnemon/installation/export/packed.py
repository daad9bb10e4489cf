"""The .tar of an export, read by its blocks: a file comes from anybody, and no header of it makes a reader take memory.

What :mod:`tarfile` understands beyond plain files (links, sparse files, headers of any length that go before a file) no
export has, and each of it is a way to be slow or large. So all that is read here is a list of a few plain files.
"""

from __future__ import annotations

import os
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mnemon.installation.export.errors import damaged

BLOCK = tarfile.BLOCKSIZE
#: Far more than an export has: a file a table, and the manifest.
MOST_FILES = 500
#: Bytes of what goes before the header of a large file, to say its size.
_LONGEST_NOTE = 4096
_SIZE = re.compile(rb"\d+ size=(\d{1,18})\n")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a file lies."""

    offset: int
    size: int


class Packed:
    """An open .tar and the files in it, by name."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file
        self.entries = self._index()

    def names(self) -> list[str]:
        """Return the hashes of every file, in their order."""
        return list(self.entries)

    def open(self, name: str) -> Part:
        """Return one file.

        Raises:
            KeyError: there is none of that name.
        """
        entry = self.entries[name]
        return Part(self._file, entry.offset, entry.size)

    def _index(self) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        end = os.fstat(self._file.fileno()).st_size
        at, size = 0, None
        while at + BLOCK <= end:
            block = os.pread(self._file.fileno(), BLOCK, at)
            if not block.strip(b"\0"):
                break
            header = self._header(block)
            at += BLOCK
            if header.type == tarfile.XHDTYPE:
                size = self._size_in_note(at, header.size)
            elif header.type in tarfile.REGULAR_TYPES and header.type != tarfile.GNUTYPE_SPARSE:
                entry = Entry(at, header.size if size is None else size)
                if header.name in entries or len(entries) >= MOST_FILES or at + entry.size > end:
                    raise damaged(f"{self._path.name} has a file twice, too many files, or one that is cut short.")
                entries[header.name] = entry
                header.size, size = entry.size, None
            else:
                raise damaged(f"{self._path.name} holds {header.name[:100]!r}, which is no plain file.")
            at += -(-header.size // BLOCK) * BLOCK
        return entries

    def _header(self, block: bytes) -> tarfile.TarInfo:
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.TarError, ValueError) as error:
            raise damaged(f"{self._path.name} cannot be read: {error}.") from None
        if header.size < 0:
            raise damaged(f"{self._path.name} has a file of less than no bytes.")
        return header

    def _size_in_note(self, at: int, length: int) -> int | None:
        """Return the size of the next file, where its own header has no room for it: eight gigabytes or more."""
        if length > _LONGEST_NOTE:
            raise damaged(f"{self._path.name} has a header that is too long.")
        told = _SIZE.search(os.pread(self._file.fileno(), length, at))
        return int(told[1]) if told else None


class Part:
    """A file within the .tar, to be read from its beginning."""

    def __init__(self, file: IO[bytes], offset: int, size: int) -> None:
        self._fd, self._at, self._end = file.fileno(), offset, offset + size

    def read(self, size: int = -1) -> bytes:
        """Read at most so many bytes; none at the end."""
        left = self._end - self._at
        data = os.pread(self._fd, left if size < 0 else min(size, left), self._at)
        self._at += len(data)
        return data
