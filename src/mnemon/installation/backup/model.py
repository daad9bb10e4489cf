"""What backups are made of, and what the verbs answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Kind = Literal["full", "incremental"]


def parse_lsn(text: str) -> int:
    """Return a place in the WAL, as PostgreSQL writes it (``0/16B3748``), as a number of bytes.

    Raises:
        ValueError: it is none.
    """
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def show_lsn(place: int) -> str:
    """Return a place in the WAL as PostgreSQL writes it."""
    return f"{place >> 32:X}/{place & 0xFFFFFFFF:X}"


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of the WAL.

    Attributes:
        timeline: grows by one with each promotion, as after a restore.
        number: of the segment, counted from the beginning of the WAL.
    """

    timeline: int
    number: int

    @classmethod
    def parse(cls, name: str, size: int) -> Segment | None:
        """Return the segment of a file's name; None for a history file, a partial one, or none at all."""
        if len(name) != 24:
            return None
        try:
            timeline, high, low = (int(name[at : at + 8], 16) for at in (0, 8, 16))
        except ValueError:
            return None
        return cls(timeline, high * ((1 << 32) // size) + low)

    def name(self, size: int) -> str:
        """Return the file's name, for segments of this size."""
        each = (1 << 32) // size
        return f"{self.timeline:08X}{self.number // each:08X}{self.number % each:08X}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a backup, as it lies in its directory."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Label:
    """One complete backup.

    Attributes:
        parent: the backup that an incremental one builds on.
        started_at: by the server's clock, as all times here.
        version: the server's, such as 180004.
        start_lsn: where recovery begins.
        end_lsn: from here on it is consistent.
        oldest_running: every transaction below this number had ended when the backup had.
        data_bytes: of its files, before compression.
        stored_bytes: of what is in the directory of backups.
        embedded: whether it is of Mnemon's own server.
        superuser: a role that may look at everything after a restore.
        database: the database that was connected to.
        files: every file of it but the label, by its name; None for a backup from before there was such a list.
    """

    id: str
    kind: Kind
    parent: str | None
    started_at: datetime
    finished_at: datetime
    system_identifier: int
    version: int
    timeline: int
    segment_bytes: int
    start_lsn: int
    end_lsn: int
    oldest_running: int
    data_bytes: int
    stored_bytes: int
    embedded: bool
    superuser: str
    database: str
    files: dict[str, Listed] | None = None

    @property
    def major(self) -> int:
        """PostgreSQL's major version."""
        return self.version // 10_000

    @property
    def first_segment(self) -> Segment:
        """The first that recovery reads."""
        return Segment(self.timeline, self.start_lsn // self.segment_bytes)

    @property
    def last_segment(self) -> Segment:
        """The last that the backup itself holds."""
        return Segment(self.timeline, max(self.end_lsn - 1, self.start_lsn) // self.segment_bytes)

    def as_json(self) -> dict[str, Any]:
        """Return the fields for its file."""
        told = asdict(self)
        return told | {name: told[name].isoformat() for name in ("started_at", "finished_at")}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Label:
        """Make it from its file; fields of a later version are left alone."""
        known = {field.name: told[field.name] for field in fields(cls) if field.name != "files"}
        listed = told.get("files")
        known["files"] = {name: Listed(**one) for name, one in listed.items()} if listed is not None else None
        for name in ("started_at", "finished_at"):
            known[name] = datetime.fromisoformat(known[name])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Archived:
    """One segment in the archive.

    Attributes:
        at: the server's time at which everything in it had happened.
        stored_bytes: what it takes in the archive.
    """

    segment: Segment
    name: str
    at: datetime
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Gap:
    """WAL that is missing between two segments that are there."""

    first: str
    last: str
    count: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the archive goes: every transaction that committed until then is in it."""

    at: datetime
    lsn: int
    timeline: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one fetching of WAL did."""

    segments: int
    stored_bytes: int
    reach: Reach
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was just made.

    Attributes:
        note: why it is another kind than was asked for, None if it is not.
    """

    backup: Label
    seconds: float
    wal: Pulled
    note: str | None = None


@dataclass(frozen=True, slots=True)
class BackupListing:
    """What is in the directory of backups.

    Attributes:
        problems: backups that cannot be read, each with the reason.
        reach: None before the first WAL was fetched.
        points: named moments (:func:`mnemon.installation.backup.mark`).
    """

    backups: tuple[Label, ...]
    problems: dict[str, str]
    segments: int
    wal_bytes: int
    gaps: tuple[Gap, ...]
    reach: Reach | None
    points: dict[str, int]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification looked at; it is good if there are no problems.

    Attributes:
        notes: what cannot be said of what an earlier version wrote, and how to go on.
    """

    backups: int
    files: int
    segments: int
    read_bytes: int
    seconds: float
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """What retention removed."""

    backups: tuple[str, ...]
    segments: int
    freed_bytes: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A cluster that was brought back.

    Attributes:
        version: PostgreSQL's major version.
        embedded: whether it is of Mnemon's own server, and Mnemon starts it.
        stopped_at: what PostgreSQL said of where recovery ended.
        seconds: of each step: extract, combine, wal, recover, check.
        checks: what was looked at afterwards and what was found.
    """

    data_dir: Path
    version: int
    embedded: bool
    backup: str
    chain: tuple[str, ...]
    to: str
    timeline: int
    segments: int
    stopped_at: str
    seconds: dict[str, float]
    checks: dict[str, Any]
