"""Anchors: the newest block of each trail, written down where the database cannot reach.

A file of JSON lines, appended to and forced to the disk under a lock; a last line that was cut off is passed over. When
it has grown, it is written anew with the newest anchor of each trail, one of each day, and every one that a later
anchor contradicts: a chain that was cut off and grew again does not wash away what stood there before.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from mnemon.core.errors import Invalid, Unavailable
from mnemon.core.installation import InstallationKey
from mnemon.core.settings import Settings
from mnemon.db import embedded

#: Bytes from which on a file is written anew.
LARGE = 4 << 20
_LONGEST_LINE = 1000
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of a chain at some time: number, hash and signature of the block."""

    organization: UUID
    number: int
    hash: bytes
    mac: bytes
    at: datetime

    def line(self) -> str:
        """Return the line as it is written down."""
        told = {
            "organization": str(self.organization),
            "number": self.number,
            "hash": self.hash.hex(),
            "mac": self.mac.hex(),
            "at": self.at.astimezone(UTC).isoformat(timespec="seconds"),
        }
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def read(cls, line: str) -> Anchor:
        """Read an anchor from a line.

        Raises:
            ValueError: it is none.
        """
        try:
            fields = json.loads(line)
            return cls(
                UUID(fields["organization"]),
                int(fields["number"]),
                bytes.fromhex(fields["hash"]),
                bytes.fromhex(fields["mac"]),
                datetime.fromisoformat(fields["at"]).astimezone(UTC),
            )
        except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise ValueError(f"no anchor: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class Written:
    """What a file of anchors holds.

    Attributes:
        there: whether there is one.
        anchors: in the order in which they were written.
        damaged: lines that are no anchors, but for a last one that was cut off.
    """

    there: bool
    anchors: tuple[Anchor, ...]
    damaged: int


class Anchors:
    """The file of one installation.

    Args:
        path: where it is, or will be.
        command: a program with its arguments that gets each new anchor as a line of JSON on standard input.
    """

    def __init__(self, path: Path, command: str | None = None) -> None:
        self.path = path
        self.command = command

    @classmethod
    def of(cls, settings: Settings, installation: InstallationKey) -> Anchors:
        """Return the file that the settings name; else one beside the embedded server's data, or in the data place."""
        command = settings.audit_anchor_command
        # Of the oldest key: it stays what it is while keys are changed.
        name = f"anchors-{installation.ids[-1].hex()}.jsonl"
        path = settings.audit_anchors
        if path is not None:
            path = path.expanduser().absolute()
            return cls(path / name if path.is_dir() or path.suffix == "" else path, command)
        if settings.database_url is None:
            data = (settings.data_dir or embedded.default_data_dir()).expanduser().resolve()
            return cls(data.with_name(data.name + ".anchors"), command)
        return cls(embedded.default_data_dir().parent / name, command)

    def read(self) -> Written:
        """Read everything in it.

        Raises:
            Invalid: it cannot be read.
        """
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return Written(False, (), 0)
        except OSError as error:
            raise Invalid(
                f"The anchors of the audit trail in {self.path} cannot be read: {error.strerror}.",
                code="invalid.audit_anchors",
                hint="Let this account read the file, or name another in MNEMON_AUDIT_ANCHORS.",
                field="audit_anchors",
            ) from None
        return _read(text)

    def newest(self) -> dict[UUID, Anchor]:
        """Return the highest anchor of each trail."""
        return _highest(self.read().anchors)

    def write(self, anchors: Iterable[Anchor]) -> int:
        """Write down what is not there yet, on the disk when this returns, and tell the program; how many.

        Raises:
            Unavailable: the file cannot be written, or the program failed; the file has them then.
        """
        try:
            with self._locked():
                last = {anchor.organization: anchor for anchor in self.read().anchors}
                new = [written for written in anchors if not _same(last.get(written.organization), written)]
                if new:
                    self._append(new)
                    self._compact()
        except OSError as error:
            raise Unavailable(
                f"The anchors of the audit trail cannot be written to {self.path}: {error.strerror}.",
                code="unavailable.audit_anchors",
                hint="Make its directory writable, or name another place in MNEMON_AUDIT_ANCHORS.",
            ) from None
        if new and self.command:
            self._tell(new)
        return len(new)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the processes that write it."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(self.path.with_name(self.path.name + ".lock"), flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _append(self, anchors: Sequence[Anchor]) -> None:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(fd).st_size
            # What was cut off stays a line of its own.
            begin = b"\n" if size and os.pread(fd, 1, size - 1) != b"\n" else b""
            _write(fd, begin + "".join(anchor.line() + "\n" for anchor in anchors).encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        if not size:
            self._sync_directory()

    def _compact(self) -> None:
        """Write a large file anew, whole or not at all."""
        if self.path.stat().st_size <= LARGE:
            return
        text = _thinned(self.read().anchors)
        draft = self.path.with_name(self.path.name + ".new")
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write(fd, text)
            os.fsync(fd)
        finally:
            os.close(fd)
        draft.replace(self.path)
        self._sync_directory()

    def _sync_directory(self) -> None:
        fd = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _tell(self, anchors: Sequence[Anchor]) -> None:
        try:
            subprocess.run(  # noqa: S603 - the operator's own program, without a shell
                shlex.split(self.command or ""),
                input="".join(anchor.line() + "\n" for anchor in anchors).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=True,
            )
        except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
            raise Unavailable(
                f"The program of MNEMON_AUDIT_ANCHOR_COMMAND failed ({type(error).__name__}).",
                code="unavailable.audit_anchor_command",
                hint=f"Run it by hand with a line of {self.path} on standard input.",
            ) from None


def thinned(anchors: Sequence[Anchor], history: str = "%Y-%m-%d") -> list[Anchor]:
    """Return what is kept of a large file: the highest of each trail, the last of each day, all contradicted ones.

    Args:
        anchors: in the order in which they were written.
        history: as strftime writes a time: of those that it writes alike, the last is kept.
    """
    days = (
        {(anchor.organization, anchor.at.strftime(history)): index for index, anchor in enumerate(anchors)}
        if history
        else {}
    )
    last_of_each_day = set(days.values())
    last: dict[UUID, int] = {}
    highest: dict[UUID, int] = {}
    for index, anchor in enumerate(anchors):
        before = last.get(anchor.organization)
        if before is not None and anchor.number <= anchors[before].number and not _same(anchors[before], anchor):
            last_of_each_day |= {before, index}
        last[anchor.organization] = index
        top = highest.get(anchor.organization)
        if top is None or anchor.number > anchors[top].number:
            highest[anchor.organization] = index
    last_of_each_day |= {*last.values(), *highest.values()}
    return [anchors[index] for index in sorted(last_of_each_day)]


def _thinned(anchors: Sequence[Anchor]) -> bytes:
    """Return the lines of what is kept: a day's last, or where that is too much a month's, or no history at all."""
    text = b""
    for history in ("%Y-%m-%d", "%Y-%m", ""):
        text = "".join(anchor.line() + "\n" for anchor in thinned(anchors, history)).encode()
        if len(text) <= LARGE // 2:
            break
    return text


def _read(text: str) -> Written:
    anchors, damaged = [], 0
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if not line:
            continue
        try:
            anchors.append(Anchor.read(line[:_LONGEST_LINE]))  # a longer one is none
        except ValueError:
            # The last line without its end was cut off as it was written; one that another was appended to as well.
            damaged += index != len(lines) - 1 and not _cut(line)
    return Written(True, tuple(anchors), damaged)


def _cut(line: str) -> bool:
    """Tell whether this is the beginning of an anchor and no more."""
    return line.startswith('{"organization":"'[: len(line)]) and not line.endswith("}")


def _highest(anchors: Iterable[Anchor]) -> dict[UUID, Anchor]:
    found: dict[UUID, Anchor] = {}
    for one in anchors:
        if one.organization not in found or one.number >= found[one.organization].number:
            found[one.organization] = one
    return found


def _same(one: Anchor | None, other: Anchor) -> bool:
    return one is not None and (one.number, one.hash, one.mac) == (other.number, other.hash, other.mac)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
