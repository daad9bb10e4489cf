"""The stream that pg_basebackup writes: looked at, and put into a directory, as it goes by."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from mnemon.installation.backup.errors import Damaged

MANIFEST = "backup_manifest"
_BLOCK = 1 << 20
#: Small: tarfile copies what is left of such a buffer for every header that it reads.
_BUFFER = 1 << 15
_CHECKSUM = re.compile(rb'"Manifest-Checksum": "([0-9a-f]{64})"\}\s*$')


class Readable(Protocol):
    """A source of bytes, such as a file or a pipe."""

    def read(self, size: int = -1, /) -> bytes:
        """Read at most so many bytes; none at the end."""
        ...


@dataclass
class Contents:
    """Describe what a stream held, as far as it was read.

    Attributes:
        files: each file's size in bytes and its SHA-256, by its path.
        manifest: PostgreSQL's own list of the files, as it stood in the stream.
        data_bytes: the size of all files together.
        made: directories that have been made, so that each is made once.
    """

    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    manifest: bytes = b""
    data_bytes: int = 0
    made: set[Path] = field(default_factory=set)


def walk(stream: Readable, what: str, into: Path | None = None) -> Contents:
    """Read a whole tar stream and hold it against the manifest at its end.

    Args:
        stream: the tar.
        what: whose it is, for an error.
        into: an empty directory that gets the files; None: they are only looked at.

    Raises:
        Damaged: a file is missing, is one too many, or is not what the manifest says.
    """
    contents = Contents()
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER) as tar:  # type: ignore[call-overload]
            for member in tar:
                _one(tar, member, contents, into)
    except tarfile.TarError as error:
        raise Damaged(f"{what} is no whole backup: {error}.", hint="Use another backup.", backup=what) from None
    while stream.read(_BLOCK):  # the padding after the end of a tar
        pass
    problems = compare(contents)
    if problems:
        raise Damaged(
            f"{what}: {problems[0]}" + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""),
            hint="Use another backup, and look at the disk that this one came from.",
            backup=what,
            problems=problems[:20],
        )
    return contents


def _one(tar: tarfile.TarFile, member: tarfile.TarInfo, found: Contents, into: Path | None) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
        raise Damaged(f"A backup holds {member.name[:100]!r}, which is no plain file.", hint="Use another backup.")
    target = into / name if into is not None else None
    if member.isdir():
        if target is not None:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    source = tar.extractfile(member)
    if source is None:
        return
    if str(name) == MANIFEST:
        found.manifest = source.read()
        if target is not None:
            target.write_bytes(found.manifest)
        return
    digest = hashlib.sha256()
    if target is None:
        while data := source.read(_BLOCK):
            digest.update(data)
    else:
        if target.parent not in found.made:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            found.made.add(target.parent)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb", buffering=0) as file:
            while data := source.read(_BLOCK):
                digest.update(data)
                file.write(data)
    found.files[str(name)] = (member.size, digest.hexdigest())
    found.data_bytes += member.size


def compare(found: Contents) -> list[str]:
    """Return what is not as the manifest says; empty if all is."""
    try:
        manifest = read_manifest(found.manifest)
    except ValueError as error:
        return [str(error)]
    problems = []
    listed = set()
    for entry in manifest["Files"]:
        path = _path(entry)
        listed.add(path)
        size = found.files.get(path)
        if size is None:
            problems.append(f"{path} is missing")
        elif size[0] != entry["Size"]:
            problems.append(f"{path} has {size[0]} bytes instead of {entry['Size']}")
        elif entry.get("Checksum-Algorithm") == "SHA256" and size[1] != entry["Checksum"]:
            problems.append(f"{path} has another SHA-256")
    # The WAL that goes with a backup is not in its manifest: PostgreSQL checks each record of it.
    unlisted = sorted(path for path in found.files.keys() - listed if not path.startswith("pg_wal/"))
    return problems + [f"{path} is not in the manifest" for path in unlisted]


def read_manifest(text: bytes) -> dict[str, Any]:
    """PostgreSQL's list of a backup's files, which ends with its own checksum.

    Raises:
        ValueError: it is missing, cut short or changed.
    """
    ending = _CHECKSUM.search(text)
    if ending is None:
        raise ValueError("it has no manifest, or not all of it")
    covered = text[: text.rfind(b'"Manifest-Checksum"')]
    if hashlib.sha256(covered).hexdigest().encode() != ending.group(1):
        raise ValueError("its manifest was changed")
    manifest: dict[str, Any] = json.loads(text)
    return manifest


def _path(entry: dict[str, Any]) -> str:
    if "Path" in entry:
        return str(entry["Path"])
    return bytes.fromhex(entry["Encoded-Path"]).decode("utf-8", "surrogateescape")
