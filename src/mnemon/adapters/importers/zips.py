"""A zip archive: which files it has, and what is in each, within the limits of what an export is."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.files import reading, require_file, unreadable
from mnemon.adapters.importers.records import excerpt, printable
from mnemon.core.errors import Invalid

# Stored, deflated, bzip2. LZMA is left out: an entry says itself how many gigabytes it wants to unpack with.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_ENTRY = 30  # bytes that an entry takes at least beside its name and what is packed
_LISTED = 100  # and about so many in the archive's list
_TAIL = 65_557 + 76
#: All that zipfile raises on a file that is not as it should be, whichever way.
DAMAGE = (
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


class Archive:
    """A zip archive whose list of files is read once for as long as it is open, however many of them are read.

    Attributes:
        sizes: its files by their names, and their unpacked sizes.
    """

    def __init__(self, path: Path) -> None:
        """Open an archive and read its list.

        Raises:
            NotFound: nothing is there.
            Invalid: it is damaged, holds more files than an export has, two of one name, or some that share their
                bytes.
        """
        self.path = path
        self._label = printable(path.name)
        size = require_file(path, "what is imported")
        if _list_size(path, size) > limits.MAX_ENTRIES * _LISTED:
            raise crowded(self._label)
        self._zip: zipfile.ZipFile | None = None
        self.sizes = self._checked(self._opened().infolist(), size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; reading opens it again."""
        if self._zip is not None:
            self._zip.close()
        self._zip = None

    def open(self, name: str) -> BinaryIO:
        """Open the bytes of one file.

        Raises:
            Invalid: it is damaged, needs a password, is a link, or is a bomb.
        """
        try:
            info = self._opened().getinfo(name)
        except KeyError as error:
            raise damaged(self._label, error) from error
        self._refuse(info)
        try:
            return cast("BinaryIO", self._opened().open(info))
        except DAMAGE as error:
            raise damaged(printable(f"{self.path.name}/{name}"), error) from error

    def _opened(self) -> zipfile.ZipFile:
        if self._zip is None:
            try:
                self._zip = zipfile.ZipFile(self.path)
            except DAMAGE as error:
                if isinstance(error, OSError) and error.errno:
                    raise unreadable(self.path, error) from error
                raise damaged(self._label, error) from error
        return self._zip

    def _checked(self, infos: list[zipfile.ZipInfo], size: int) -> dict[str, int]:
        if len(infos) > limits.MAX_ENTRIES:
            raise crowded(self._label)
        sizes: dict[str, int] = {}
        packed = unpacked = 0
        for info in infos:
            packed += info.compress_size + _ENTRY + len(info.filename)
            unpacked += info.file_size
            if info.filename in sizes:
                again = f"it has two entries named {printable(info.filename)[:100]}"
                raise damaged(self._label, ValueError(again))
            sizes[info.filename] = info.file_size
        if packed > size:
            raise damaged(self._label, ValueError("its entries lie one over the other"))
        _refuse_bomb(self._label, unpacked, size)
        return {name: unpacked for name, unpacked in sizes.items() if not name.endswith("/")}

    def _refuse(self, info: zipfile.ZipInfo) -> None:
        label = printable(f"{self.path.name}/{info.filename}")
        if info.flag_bits & 1:
            raise Invalid(
                f"{label} needs a password.",
                code="invalid.import.password",
                hint="Unpack the archive yourself and import what is in it.",
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise linked(label)
        if info.compress_type not in _METHODS:
            raise Invalid(
                f"{label} is packed by a method that no export uses (number {info.compress_type}).",
                code="invalid.import.zip",
                hint="Give the zip file as it was downloaded, or unpack it and import what is in it.",
            )
        _refuse_bomb(label, info.file_size, info.compress_size)


def _list_size(path: Path, size: int) -> int:
    """Return how many bytes an archive's list of files has, which is read whole before anything else is known.

    0 where there is no list: then it is no archive, which others say.
    """
    with reading(path), path.open("rb") as stream:
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


def _refuse_bomb(label: str, unpacked: int, packed: int) -> None:
    if unpacked > limits.RATIO_MATTERS and unpacked > limits.MAX_RATIO * max(1, packed):
        raise Invalid(
            f"{label} unpacks to {unpacked:,} bytes from {packed:,}: no text packs like that.",
            code="invalid.import.bomb",
            hint="Do not trust this archive; export the conversations again.",
        )


def crowded(label: str) -> Invalid:
    """Return the error for an archive or a folder with more files than an export has."""
    return Invalid(
        f"{label} has more than {limits.MAX_ENTRIES:,} files.",
        code="invalid.import.entries",
        hint="Export a shorter time, or unpack it and import folder by folder.",
    )


def linked(label: str) -> Invalid:
    """Return the error for a link where a file ought to be."""
    return Invalid(
        f"{label} is a link or no plain file, and what it leads to is not part of the export.",
        code="invalid.import.link",
        hint="Put a copy of the file in its place if it belongs there.",
    )


def damaged(label: str, error: Exception) -> Invalid:
    """Return the error for an archive that cannot be unpacked."""
    return Invalid(
        f"{label} cannot be unpacked: {excerpt(str(error), 200)}.",
        code="invalid.import.zip",
        hint="The archive is damaged or incomplete; download it again.",
    )
