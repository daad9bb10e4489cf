"""What the importers have in common: one import is one file, read from a position to its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from mnemon.adapters.importers.records import Anchor, Broken, Position, Record
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest


class Import(ABC):
    """One file being read, record by record, with little memory however long it is.

    Iterating yields :class:`Utterance` and :class:`Broken` in the file's order. The position of the last record
    that was stored is all a checkpoint needs: ``open_import(path, start=position)`` goes on after it.

    Attributes:
        format: the format's name, which is also the ``source`` of its utterances.
        path: what is read.
        start: after which record to begin, or None for the beginning.
        total_bytes: the denominator of :attr:`bytes_read`; None for a pipe.
        fingerprint: the same for the same file, different for another. A JSONL or mbox file to which something
            was appended keeps its fingerprint, so that it resumes where it was.
    """

    format: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    total_bytes: int | None
    fingerprint: str

    def __init__(
        self,
        path: Path,
        *,
        start: Position | None = None,
        conversation: str | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self.start = start
        self._refuse("conversation", conversation)
        self._refuse("columns", columns)

    @property
    @abstractmethod
    def bytes_read(self) -> int:
        """How far reading has come, in the unit of :attr:`total_bytes`."""

    @abstractmethod
    def _read(self, anchor: Anchor) -> Iterator[Record]:
        """The records after an anchor; each with its whole position."""

    def __iter__(self) -> Iterator[Record]:
        """The records after :attr:`start`.

        Raises:
            Invalid: the file is not the one that was begun, or it is damaged beyond reading on.
        """
        if self.start is None:
            yield from self._read(Anchor())
            return
        records = self._read(self.start.anchor)
        last: Record | None = None
        for _ in range(self.start.skip):
            last = next(records, None)
            if last is None:
                raise self._changed()
        if last is not None and last.position.check != self.start.check:
            raise self._changed()
        yield from records

    def _changed(self) -> Invalid:
        return Invalid(
            f"{self.path} is not the file that this import began with: it has changed before the place to go on from.",
            code="invalid.import.changed",
            hint="Start the import from the beginning; what is already there is not stored twice.",
            path=str(self.path),
        )

    def _refuse(self, option: str, value: object) -> None:
        """Refuse an option this format has no use for; a format that has one overrides this."""
        if value is not None:
            raise Invalid(
                f"`{option}` has no meaning for {self.format}, which names its own.",
                code=f"invalid.import.{option}",
                hint=f"Leave `{option}` out.",
                field=option,
            )


class Counter:
    """Numbers the records of an import that is resumed by counting them from the beginning."""

    def __init__(self) -> None:
        self.entry = 0

    def next(self, file: str, check: str, *, line: int | None = None) -> Position:
        """The position of the next record."""
        self.entry += 1
        return Position(file=file, entry=self.entry, line=line, skip=self.entry, check=digest(check))

    def broken(self, file: str, reason: str, excerpt: str = "") -> Broken:
        """The next record, which could not be read."""
        return Broken(self.next(file, reason), reason, excerpt)
