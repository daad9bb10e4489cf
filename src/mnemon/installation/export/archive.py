"""An export on disk: a directory or one .tar, a file for each table and a manifest, in place whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic import ValidationError

from mnemon.core.errors import Conflict, Invalid, Unavailable
from mnemon.installation.export.errors import damaged
from mnemon.installation.export.packed import BLOCK, MOST_FILES, Packed
from mnemon.installation.export.rules import INCLUDED
from mnemon.installation.export.schemas import FORMAT, FORMAT_VERSION, Manifest, TableEntry, digest_of

MANIFEST = "manifest.json"
CHUNK = 1 << 20
#: Longer than any row can be by the rules of its columns.
_LONGEST_LINE = 64 << 20
_LONGEST_MANIFEST = 4 << 20


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says of a file that is written into an error of ours: the database did not go away."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be written: {error.strerror or error}.",
            code="unavailable.export_file",
            hint="Nothing was left behind. Free some space or choose another place, then export again.",
        ) from error


class TableWriter:
    """The file of one table: takes lines as they come, and knows its rows, its bytes and its hash."""

    def __init__(self, path: Path, *, compress: bool) -> None:
        self._path = path
        with writing(path):
            self._raw: IO[bytes] = path.open("xb")
        # No name and no time in its header: the same rows make the same file.
        self._file: Any = gzip.GzipFile("", "wb", 6, self._raw, mtime=0) if compress else self._raw
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self.rows = 0
        self.bytes = 0

    def add(self, data: bytes) -> bool:
        """Take lines; True when there is enough to be written."""
        self._waiting += data
        return len(self._waiting) >= CHUNK

    def write(self) -> None:
        """Write what was taken."""
        data, self._waiting = bytes(self._waiting), bytearray()
        self.rows += data.count(b"\n")
        self.bytes += len(data)
        self._hash.update(data)
        with writing(self._path):
            self._file.write(data)

    def close(self) -> None:
        """Let go of the file without a promise."""
        with suppress(OSError):
            self._raw.close()

    def finish(self, name: str, columns: tuple[str, ...]) -> TableEntry:
        """Write to the disk; what the manifest says of it."""
        self.write()
        with writing(self._path):
            if self._file is not self._raw:
                self._file.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._raw.close()
        return TableEntry(name=name, columns=columns, rows=self.rows, bytes=self.bytes, sha256=self._hash.hexdigest())


class Draft:
    """An export that is being written, under another name; :meth:`publish` gives it the name that was asked for."""

    def __init__(self, target: Path, *, compress: bool) -> None:
        self.target = target.expanduser().absolute()
        if os.path.lexists(self.target):
            raise Conflict(
                f"{self.target} is there already.",
                code="conflict.exists",
                hint="Choose another name, or remove it first: an export replaces nothing.",
            )
        if not self.target.parent.is_dir():
            raise Invalid(
                f"There is no directory {self.target.parent}.", code="invalid.path", hint="Make it first.", field="path"
            )
        self.compress = compress
        with writing(self.target):
            self._work = Path(tempfile.mkdtemp(prefix=f".{self.target.name}.partial-", dir=self.target.parent))
            self._files = self._work / "export"
            self._files.mkdir(mode=0o700)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def table(self, name: str) -> TableWriter:
        """Begin the file of a table."""
        return TableWriter(self._files / file_name(name, compressed=self.compress), compress=self.compress)

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest, and let the whole appear."""
        with writing(self.target):
            self._publish(manifest)

    def _publish(self, manifest: Manifest) -> None:
        with (self._files / MANIFEST).open("x", encoding="utf-8") as file:
            file.write(manifest.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft = self._files
        if self.target.suffix == ".tar":
            draft = self._work / "export.tar"
            _pack(self._files, draft)
        _sync(self._files)
        if os.path.lexists(self.target):  # a name that appeared meanwhile; a directory would refuse, a file would not
            raise Conflict(f"{self.target} is there already.", code="conflict.exists", hint="Choose another name.")
        draft.rename(self.target)
        _sync(self.target.parent)


def file_name(table: str, *, compressed: bool) -> str:
    """Return the file of a table."""
    return f"{table}.ndjson.gz" if compressed else f"{table}.ndjson"


def _pack(folder: Path, target: Path) -> None:
    """Write one file, the manifest first; nothing in it says who packed it when."""
    with target.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        with tarfile.open(fileobj=file, mode="w") as packed:
            for path in sorted(folder.iterdir(), key=lambda one: (one.name != MANIFEST, one.name)):
                member = tarfile.TarInfo(path.name)
                member.size, member.mode = path.stat().st_size, 0o600
                with path.open("rb") as content:
                    packed.addfile(member, content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Archive:
    """An export that is read: nothing of it is believed before its hash is right."""

    def __init__(self, path: Path, packed: Packed | None) -> None:
        self._path = path
        self._packed = packed
        self.manifest = self._read_manifest()
        self._entries = {entry.name: entry for entry in self.manifest.tables}
        expected = {file_name(name, compressed=self._compressed) for name in self._entries} | {MANIFEST}
        # No more names than would be too many: what else lies there does not matter.
        present = sorted(packed.names() if packed else [listed.name for listed in islice(path.iterdir(), MOST_FILES)])
        twice = len(self._entries) != len(self.manifest.tables)
        if twice or set(self._entries) != INCLUDED or present != sorted(expected):
            unexpected = (
                sorted(expected ^ set(present)) or sorted(INCLUDED ^ set(self._entries)) or ["one of them twice"]
            )
            raise damaged(f"The export has not the files that its manifest names: {', '.join(unexpected)[:200]}.")

    @property
    def _compressed(self) -> bool:
        return self.manifest.compression == "gzip"

    def _read_manifest(self) -> Manifest:
        try:
            with self._open(MANIFEST) as file:
                raw = file.read(_LONGEST_MANIFEST)
        except (OSError, KeyError):
            raise Invalid(
                f"{self._path} has no {MANIFEST}: it is no export, or one that was not finished.",
                code="invalid.export",
                hint="`mnemon organization export` makes one; what it was killed over is not one.",
                field="path",
            ) from None
        try:
            manifest = json.loads(raw)
            digest = digest_of(manifest) if isinstance(manifest, dict) else ""
        except (ValueError, RecursionError):
            raise damaged(f"{MANIFEST} is not JSON.") from None
        version = (
            manifest.get("format_version") if isinstance(manifest, dict) and manifest.get("format") == FORMAT else None
        )
        if not isinstance(version, int):
            raise Invalid(f"{self._path} is no export of an organisation.", code="invalid.export", field="path")
        if version > FORMAT_VERSION:
            raise Invalid(
                f"The export has format {version}; this version of Mnemon reads up to {FORMAT_VERSION}.",
                code="invalid.export_format",
                hint="Install the version of Mnemon that wrote it, or a newer one.",
                format_version=version,
            )
        if digest != manifest.get("sha256"):
            raise damaged(f"{MANIFEST} is not what was exported: its hash is wrong.")
        try:
            return Manifest.model_validate(manifest)
        except ValidationError as error:
            raise damaged(f"{MANIFEST} has a field that is not as it should be: {error.errors()[0]['loc']}.") from None

    @contextmanager
    def _open(self, name: str) -> Iterator[Any]:
        """Open a file by its name. Nothing is unpacked, no name out of the export is used, and no link followed."""
        if self._packed is not None:
            yield self._packed.open(name)
            return
        # Not blocking: a pipe of that name would be waited for without end.
        with os.fdopen(os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise damaged(f"{name} is no file.")
            yield file

    def lines(self, table: str, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the whole lines of a table, some of them at a time.

        Raises:
            Invalid: at the latest after the last of them, if they are not what was exported.
        """
        entry = self._entries[table]
        name = file_name(table, compressed=self._compressed)
        hashed, total, rows = hashlib.sha256(), 0, 0
        pending: list[bytes] = []  # of a line that is not whole yet: joined once, however many pieces it comes in
        waiting = 0
        try:
            with self._open(name) as raw:
                file: Any = gzip.GzipFile(fileobj=raw, mode="rb") if self._compressed else raw
                # No more is read than the manifest promises: a file that unpacks without end is not waited for.
                while total <= entry.bytes and (data := file.read(size)):
                    hashed.update(data)
                    total += len(data)
                    rows += data.count(b"\n")
                    whole, newline, end = data.rpartition(b"\n")
                    if newline:
                        ready = b"".join([*pending, whole, newline])
                        pending, waiting = [], 0
                        yield ready
                    pending.append(end)
                    waiting += len(end)
                    if waiting > _LONGEST_LINE:
                        raise damaged(f"{name} has a line that is too long.")
        except (OSError, EOFError, zlib.error) as error:
            raise damaged(f"{name} cannot be read: {error}.") from error
        if waiting or (rows, total, hashed.hexdigest()) != (entry.rows, entry.bytes, entry.sha256):
            raise damaged(f"{name} is not what was exported: its size or its hash is wrong.", table=table)

    def verify(self) -> None:
        """Read everything once, and believe it.

        Raises:
            Invalid: a file is not what was exported.
        """
        for entry in self.manifest.tables:
            for _ in self.lines(entry.name):
                pass


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an export for reading.

    Raises:
        Invalid: there is none, it was not finished, its format is newer, or its manifest was changed.
    """
    path = path.expanduser().absolute()
    if path.is_dir():
        yield Archive(path, None)
        return
    try:
        # Not blocking: a pipe of that name would be waited for without end.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)
    except FileNotFoundError:
        raise Invalid(f"There is no {path}.", code="invalid.path", hint="Check the name.", field="path") from None
    except OSError as error:
        raise _no_export(path) from error
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or not _begins_as_tar(file):
            raise _no_export(path)
        yield Archive(path, Packed(path, file))


def _begins_as_tar(file: IO[bytes]) -> bool:
    try:
        tarfile.TarInfo.frombuf(os.pread(file.fileno(), BLOCK, 0), "utf-8", "replace")
    except tarfile.TarError:
        return False
    return True


def _no_export(path: Path) -> Invalid:
    return Invalid(
        f"{path} is neither a directory nor a .tar file.",
        code="invalid.export",
        hint="Give the directory or the .tar that `mnemon organization export` made.",
        field="path",
    )
