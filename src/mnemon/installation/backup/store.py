"""The directory of backups: what lies where, and how a file gets there whole or not at all.

    cluster.json                    which server the directory is for, and the id of the newest key; plain, with a seal
    backups/<id>/                   base.tar, manifest and, last, label: with it the backup counts as there
    backups/.partial-<id>/          one that is being made, or was interrupted
    wal/<segment or history file>   the archive
    records/                        how far the archive reaches, which backups there are, the last verification, named
                                    moments, the last failure

All but cluster.json and the last failure is sealed (:mod:`mnemon.installation.backup.sealed`), and its name has the
ending ``.sealed``. Names of files say when a backup was made and how WAL segments are numbered, and nothing else.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from mnemon.core.errors import Invalid, MnemonError
from mnemon.core.settings import Settings
from mnemon.db.embedded import locks
from mnemon.installation.backup.errors import BackupNotFound, Busy, Damaged, NotConfigured, OtherCluster, StorageFull
from mnemon.installation.backup.keys import Keyring, load_keys
from mnemon.installation.backup.model import Archived, Label, Listed, Reach, Segment
from mnemon.installation.backup.seal import CLUSTER, ENDING, PARTIAL, SEAL, check_seal, seal_of
from mnemon.installation.backup.sealed import SealedReader, SealedWriter, read_header

_NEW = ".new-"
_FORMAT = 1
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn what the system says of a directory into an error that says what to do.

    Raises:
        StorageFull: no space, or a limit.
        NotConfigured: it may not be read or written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"{where} takes no more: {os.strerror(error.errno or 0)}.",
                hint="Free some space or choose another directory. What was being written is gone; all else is whole.",
                path=str(where),
            ) from None
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise NotConfigured(
                f"{where} cannot be used: {os.strerror(error.errno)}.",
                code="backup.directory_refused",
                hint="It belongs to the user that takes backups, and nobody else can read it.",
                path=str(where),
            ) from None
        raise


class Store:
    """One directory of backups, and the keys to it."""

    def __init__(self, root: Path, keys: Keyring) -> None:
        self.root, self.keys = root, keys
        self.backups, self.wal, self.records = root / "backups", root / "wal", root / "records"

    @classmethod
    def open(cls, settings: Settings) -> Store:
        """Return the directory of the settings, made if missing.

        Raises:
            NotConfigured: no directory or key is set, or it cannot be used.
        """
        if settings.backup_dir is None:
            raise NotConfigured(
                "No directory for backups is set.",
                hint="Set MNEMON_BACKUP_DIR to a directory on another disk or machine than the database's.",
            )
        store = cls(settings.backup_dir.expanduser().absolute(), load_keys(settings))
        with explained(store.root):
            for path in (store.root, store.backups, store.wal, store.records):
                path.mkdir(mode=0o700, parents=path == store.root, exist_ok=True)
        return store

    # -- whose it is ------------------------------------------------------------------------------------------

    def bind(self, system_identifier: int) -> str:
        """Note at first use which server and key this is for; a random name for the directory, the same ever after.

        Raises:
            OtherCluster: it is for another server.
            KeyMissing: it was last written with a key that is not here: what came next could not be read with it.
        """
        newest = self.keys.newest()[0].hex()
        bound = self.bound()
        if not bound:
            if any(label.files is not None for label in self.labels()[0]):
                raise Damaged(
                    f"{self.root / CLUSTER} is missing, and there are backups beside it.",
                    hint="Take it from a copy, or set MNEMON_BACKUP_DIR to a new directory and take a full backup.",
                    file=CLUSTER,
                )
            bound = {"format": _FORMAT, "system_identifier": system_identifier, "name": secrets.token_hex(4)}
        if bound.get("system_identifier") != system_identifier:
            raise OtherCluster(
                f"{self.root} holds the backups of another server.",
                hint="Set MNEMON_BACKUP_DIR to a directory of this server's own.",
                found=bound.get("system_identifier"),
                server=system_identifier,
            )
        last = bound.get("key")
        if last != newest or SEAL not in bound:
            if last is not None:
                self.keys.find(bytes.fromhex(last), str(self.root))
            self.put_bound(bound | {"key": newest})
        return str(bound["name"])

    def put_bound(self, told: Mapping[str, Any]) -> None:
        """Write cluster.json with its seal."""
        sealed = {**told, SEAL: seal_of(told, self.keys, str(self.root))}
        with explained(self.root):
            _write(self.root / CLUSTER, (json.dumps(sealed) + "\n").encode())

    def bound(self) -> dict[str, Any]:
        """Return what :meth:`bind` noted; empty before.

        Raises:
            Damaged: it was changed since.
        """
        try:
            content = json.loads((self.root / CLUSTER).read_bytes())
            if content["format"] > _FORMAT:
                raise Invalid(
                    f"{self.root} was written by a later version of Mnemon.",
                    code="backup.format",
                    hint="Use that version.",
                )
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Damaged(f"{self.root / CLUSTER} cannot be read.", hint="Take it from a copy.") from None
        labels = self.labels()[0] if SEAL not in content else []
        check_seal(content, self.keys, labels, str(self.root / CLUSTER))
        return dict(content)

    # -- one at a time ----------------------------------------------------------------------------------------

    @contextmanager
    def locked(self, name: str, *, shared: bool = False) -> Iterator[None]:
        """Hold a lock of the directory, which the kernel releases when this process ends, however it ends.

        Args:
            name: ``take``: who makes or removes backups; ``wal``: who fetches WAL; ``use``: shared by who reads
                backups, exclusive for who removes them.
            shared: together with others that share it.

        Raises:
            Busy: somebody else holds it; nothing was waited for.
        """
        with explained(self.root):
            fd = locks.open_lock(self.root / f"{name}.lock")
        try:
            if not locks.try_lock(fd, shared=shared):
                holder = os.pread(fd, 100, 0).decode("ascii", "replace").strip()
                raise Busy(
                    f"Somebody else works on {self.root}" + (f" ({holder})." if holder and not shared else "."),
                    hint="Wait until it has ended; nothing was changed.",
                    lock=name,
                )
            if not shared:
                with suppress(OSError):  # for people; a full disk is told by what is written next
                    os.ftruncate(fd, 0)
                    os.pwrite(fd, f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC".encode(), 0)
            yield
        finally:
            os.close(fd)

    # -- sealed files -----------------------------------------------------------------------------------------

    @contextmanager
    def writing(self, path: Path, note: Mapping[str, Any] | None = None) -> Iterator[SealedWriter]:
        """Write a sealed file; it appears, whole and on the disk, when the block ends without an error."""
        draft = path.with_name(f"{_NEW}{os.getpid()}-{path.name}")
        with explained(self.root):
            try:
                fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                with os.fdopen(fd, "wb") as file:
                    writer = SealedWriter(file, self.keys, self._purpose(path), note)
                    yield writer
                    writer.close()
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
                sync(path.parent)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise

    @contextmanager
    def reading(self, path: Path, listed: Mapping[str, Listed] | None = None) -> Iterator[SealedReader]:
        """Read a sealed file.

        Args:
            path: the file.
            listed: what a list says of the files beside it; one that is read to its end is held against it.

        Raises:
            Damaged: it is missing, or not what was written there.
        """
        try:
            # Not a link, and not waited for if it is a pipe: both only somebody else can have put there.
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            file: BinaryIO = os.fdopen(fd, "rb")
        except FileNotFoundError:
            raise Damaged(
                f"{self.shown(path)} is missing.", hint="Take it from a copy, or use another backup.", file=path.name
            ) from None
        except OSError as error:
            raise Damaged(
                f"{self.shown(path)} cannot be read: {error.strerror}.",
                hint="Look at what it is: a backup has plain files only.",
                file=path.name,
            ) from None
        with explained(self.root), file:
            reader = SealedReader(file, self.keys, self._purpose(path), self.shown(path))
            yield reader
        if listed is not None and reader.sha256 is not None and reader.sha256 != listed[path.name].sha256:
            raise Damaged(
                f"{self.shown(path)} is not the file that its backup was made with.",
                hint="Take it from a copy, or use another backup.",
                file=path.name,
            )

    def _purpose(self, path: Path) -> str:
        """Return where a file belongs: its place below the directory, as it is named once the backup is complete."""
        return path.relative_to(self.root).as_posix().replace(PARTIAL, "").removesuffix(ENDING)

    def shown(self, path: Path) -> str:
        """Return what a file is called in a message."""
        return path.relative_to(self.root).as_posix()

    def put_json(self, path: Path, told: Mapping[str, Any]) -> None:
        """Write a small sealed file."""
        with self.writing(path) as writer:
            writer.write(json.dumps(told).encode())

    def get_json(self, path: Path) -> dict[str, Any]:
        """Read a small sealed file."""
        with self.reading(path) as reader:
            return dict(json.loads(reader.read()))

    # -- records ----------------------------------------------------------------------------------------------

    def note(self, name: str, told: Mapping[str, Any]) -> None:
        """Keep a record under a name, in place of the one before."""
        self.put_json(self.records / f"{name}{ENDING}", told)

    def noted(self, name: str) -> dict[str, Any] | None:
        """Return the record of that name, None if there is none."""
        path = self.records / f"{name}{ENDING}"
        return self.get_json(path) if path.exists() else None

    def reach(self) -> Reach | None:
        """Return how far the archive goes; None before the first WAL was fetched."""
        told = self.noted("reach")
        return Reach(datetime.fromisoformat(told["at"]), told["lsn"], told["timeline"]) if told else None

    def points(self) -> dict[str, int]:
        """Return the named moments and their places in the WAL."""
        return dict(self.noted("points") or {})

    # -- backups ----------------------------------------------------------------------------------------------

    def labels(self) -> tuple[list[Label], dict[str, str]]:
        """Return every complete backup, the oldest first, and of those that cannot be read the reason."""
        labels: list[Label] = []
        problems: dict[str, str] = {}
        for path in sorted(self.backups.iterdir()) if self.backups.is_dir() else ():
            if path.name.startswith("."):
                continue
            try:
                labels.append(self.label(path.name))
            except MnemonError as error:
                problems[path.name] = error.message
        return sorted(labels, key=lambda label: label.finished_at), problems

    def label(self, backup: str) -> Label:
        """Return one backup.

        Raises:
            BackupNotFound: there is none of that name.
            Damaged: its label is not what was written.
        """
        path = self.backups / backup
        if not backup or backup.startswith(".") or "/" in backup or not path.is_dir():
            raise BackupNotFound(
                f"There is no backup {backup[:60]!r}.", hint="`mnemon backup list` shows those there are."
            )
        return Label.from_json(self.get_json(path / f"label{ENDING}"))

    def chain(self, label: Label) -> list[Label]:
        """Return a backup and those it builds on, the full one first.

        Raises:
            Damaged: one of them is missing.
        """
        links = [label]
        while (parent := links[0].parent) is not None:
            try:
                links.insert(0, self.label(parent))
            except BackupNotFound:
                raise Damaged(
                    f"{links[0].id} builds on {parent}, which is missing.",
                    hint="Use a backup before it, or take a full one now.",
                    backup=links[0].id,
                ) from None
        return links

    def clear_partial(self) -> list[str]:
        """Remove what interrupted runs left; only for who holds ``take``. The names of what is gone."""
        left = [path for path in self.backups.iterdir() if path.name.startswith(PARTIAL)]
        for path in left:
            shutil.rmtree(path)
        return [path.name.removeprefix(PARTIAL) for path in left]

    # -- the archive ------------------------------------------------------------------------------------------

    def wal_file(self, name: str) -> Path:
        """Return where a segment or a history file is kept."""
        return self.wal / f"{name}{ENDING}"

    def histories(self) -> list[str]:
        """Return the names of the history files."""
        return sorted(path.name.removesuffix(ENDING) for path in self.wal.glob(f"*.history{ENDING}"))

    def archived(self, segment_bytes: int) -> list[Archived]:
        """Return every segment in the archive, sorted; of those whose header cannot be read the time is the file's."""
        segments = []
        for path in self.wal.iterdir() if self.wal.is_dir() else ():
            name = path.name.removesuffix(ENDING)
            segment = Segment.parse(name, segment_bytes)
            if segment is None or path.name == name:
                continue
            size, at = path.stat().st_size, datetime.fromtimestamp(path.stat().st_mtime, UTC)
            with suppress(MnemonError, KeyError, ValueError), path.open("rb") as file:
                at = datetime.fromisoformat(read_header(file, name)[2]["at"])
            segments.append(Archived(segment, name, at, size))
        return sorted(segments, key=lambda one: one.segment)


def sync(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f"{_NEW}{os.getpid()}-{path.name}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(path.parent)
