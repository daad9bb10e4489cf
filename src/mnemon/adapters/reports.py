"""What an import did, as callers are told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mnemon.adapters.importers import Broken

#: Broken records that a report keeps word for word; all of them are counted.
KEPT_BROKEN = 100


@dataclass(slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        imported: utterances stored by this run; ``skipped``: already there; ``broken``: could not be read.
        resumed_after: records that an earlier run had dealt with; ``broken_before``: how many of them were broken.
        total_bytes: size of what is read, None for a pipe; ``bytes_read``: how far reading has come.
        problems: the first hundred broken records, each with where it is and what is wrong.
        keys: some keys of records that could not be read.
        left_out: how many parts of what was read became neither text nor metadata, by reason.
        undated: utterances without a date that can be read: they have the time of the import.
        files: of a folder or an archive, the report of each file; the counts are their sums.
        unknown: of a folder or an archive, the files that are in no known form or were not looked at, and why.
        error: why the import of this file of a folder or an archive ended before its end; what was read before stays.
        seconds: time spent.
    """

    format: str
    path: str
    imported: int = 0
    skipped: int = 0
    broken: int = 0
    resumed_after: int = 0
    broken_before: int = 0
    total_bytes: int | None = None
    bytes_read: int = 0
    problems: list[Broken] = field(default_factory=list)
    keys: tuple[str, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    undated: int = 0
    files: list[ImportReport] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    error: str | None = None
    seconds: float = 0.0

    @property
    def read_nothing(self) -> bool:
        """Whether there were records, and none of them could be read."""
        there = self.imported + self.skipped + self.resumed_after - self.broken_before
        return bool(self.broken + self.broken_before) and not there

    @property
    def failed(self) -> tuple[ImportReport, ...]:
        """The files that could not be imported to their end, and those of which nothing could be read."""
        return tuple(one for one in self.files or [self] if one.error is not None or one.read_nothing)

    @property
    def rate(self) -> float:
        """Utterances a second."""
        return (self.imported + self.skipped) / self.seconds if self.seconds else 0.0

    def add(self, other: ImportReport) -> None:
        """Add the report of one file of a folder."""
        self.files.append(other)
        for name in ("imported", "skipped", "broken", "resumed_after", "broken_before", "undated", "bytes_read"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.total_bytes = (self.total_bytes or 0) + (other.total_bytes or 0)
        self.seconds += other.seconds
        self.problems += other.problems[: max(KEPT_BROKEN - len(self.problems), 0)]
        self.left_out = dict(Counter(self.left_out) + Counter(other.left_out))
