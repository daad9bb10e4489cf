"""What the importers have in common: a format is one class, and one import is one file, read from a position on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import ClassVar, TypedDict, Unpack, final

from mnemon.adapters.importers.files import reading
from mnemon.adapters.importers.records import Anchor, Broken, Mark, Position, Record
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.zips import Archive
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

#: Reasons for leaving something out that are told apart.
_REASONS = 50


class Options(TypedDict, total=False):
    """What an importer may be given beside the path; see :func:`open_import`."""

    start: Position | None
    conversation: str | None
    columns: Mapping[str, str] | None
    zone: tzinfo | None
    member: str | None
    archive: Archive | None


class Import(ABC):
    """A format, and one file of it being read, record by record, with little memory however long it is.

    The class says what the format is called and how a file of it is recognised; it is registered as an entry point
    of the group ``mnemon.importers`` under the name of its format (docs/importers.md). Iterating over an instance
    yields :class:`Utterance` and :class:`Broken` in the file's order. The position of the last record that was stored
    is all a checkpoint needs: ``open_import(path, start=position)`` goes on after it.

    Attributes:
        format: the format's name, which is also the ``source`` of its utterances.
        title: what people call it.
        description: one sentence on which files it reads, for help and docs.
        suffixes: how names of its files end, in lower case: such a file is taken for one of this format if nobody is
            certain of it.
        keys: the keys in the object of a JSON document, or in the objects of its array, that only this format has:
            the first one in a document that is any format's decides.
        expects: names of files that an archive or directory of this format holds, for the message that there are none.
        shape: keys that its records have mostly: how close a file is to it that is of no format.
        needs: what a file of it has, after "it needs", for the message about such a file.
        options: which of ``conversation`` and ``columns`` have a meaning for it; the others are refused.
        path: what is read.
        start: after which record to begin, or None for the beginning.
        conversation: the conversation of records that name none, or None.
        columns: which key holds what, or None.
        zone: the zone of times that name none.
        left_out: how many parts of records became neither text nor metadata, by reason.
        total_bytes: the denominator of :attr:`bytes_read`; None for a pipe.
        fingerprint: the same for the same content, different for another. Of a format to which lines are appended
            it tells only how a file begins, and :meth:`mark` the rest.
    """

    format: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    keys: ClassVar[frozenset[str]] = frozenset()
    expects: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[frozenset[str]] = frozenset()
    shape: ClassVar[frozenset[str]] = frozenset()
    needs: ClassVar[str] = ""
    total_bytes: int | None
    _fingerprint: str | None = None

    def __init__(self, path: Path, **given: Unpack[Options]) -> None:
        """Open a file without reading more of it than its beginning.

        Raises:
            NotFound: nothing is there.
            Invalid: it cannot be read as this format, or an option has no meaning for it.
        """
        self.path = path
        self.start = given.get("start")
        self.conversation = given.get("conversation")
        self.columns = given.get("columns")
        self.zone: tzinfo = given.get("zone") or UTC
        self.left_out: Tally[str] = Tally()
        # Opening puts a look at each record in its place where the importer is not one of ours.
        self.reader: Callable[[Anchor], Iterator[Record]] = self.records
        for option in ("conversation", "columns"):
            if given.get(option) is not None and option not in self.options:
                raise self._meaningless(option)

    @property
    def fingerprint(self) -> str:
        """What tells the file from others: found out when it is asked for first, since all of the file may be read."""
        if self._fingerprint is None:
            with reading(self.path):
                self._fingerprint = self.identify()
        return self._fingerprint

    @fingerprint.setter
    def fingerprint(self, value: str) -> None:
        self._fingerprint = value

    def identify(self) -> str:
        """Return the fingerprint; a class that does not set it defines this.

        Raises:
            Invalid: the class does neither.
        """
        raise Invalid(
            f"The importer {type(self).__name__} gives no fingerprint.",
            code="invalid.import.importer",
            hint="Tell its authors: it sets `fingerprint` or defines `identify`.",
        )

    def mark(self) -> Mark | None:
        """Return what has been read so far, up to and with the last record; None where the fingerprint says it all.

        A format to which lines are appended gives one: an import goes on in a file that has the same content up to
        there, whatever was appended, and in no other.
        """
        return None

    def marks(self, lengths: Collection[int]) -> set[Mark]:
        """Return the marks of the file's first so many bytes; of a length that it does not have, none."""
        return set()

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count what becomes neither text nor metadata; of more reasons than fifty, the others together."""
        if reason not in self.left_out and len(self.left_out) >= _REASONS:
            reason = "other parts"
        self.left_out[reason] += count

    def keys_found(self) -> tuple[str, ...]:
        """Return the keys of records that could not be read, some of them: what somebody could have meant."""
        return ()

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Say how sure it is that a file is of this format, beside its :attr:`keys`; by its name unless overridden."""
        return Certainty.POSSIBLE if sample.name.endswith(cls.suffixes) else Certainty.NO

    @classmethod
    def likeness(cls, sample: Sample) -> float:
        """Say how close a file, which is of no format, is to this one, from 0 to 2, beside its keys and its name."""
        return 0.0

    @classmethod
    def document(cls, sample: Sample) -> str | None:
        """Name the file of an archive or directory in which the :attr:`keys` are looked for; None: there is none."""
        return None

    @property
    @abstractmethod
    def bytes_read(self) -> int:
        """How far reading has come, in the unit of :attr:`total_bytes`."""

    @abstractmethod
    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the records after an anchor, each with its whole position; broken ones too, in their places."""

    @final
    def __iter__(self) -> Iterator[Record]:
        """Yield the records after :attr:`start`.

        Raises:
            Invalid: the file is not the one that was begun; or it is gone, or damaged beyond reading on.
        """
        with reading(self.path):
            yield from self._after_start()

    def _after_start(self) -> Iterator[Record]:
        if self.start is None:
            yield from self.reader(Anchor())
            return
        records = self.reader(self.start.anchor)
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

    def _meaningless(self, option: str) -> Invalid:
        return Invalid(
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
        """Return the position of the next record."""
        self.entry += 1
        return Position(file=file, entry=self.entry, line=line, skip=self.entry, check=digest(check))

    def broken(self, file: str, reason: str, excerpt: str = "", *, line: int | None = None) -> Broken:
        """Return the next record, which could not be read."""
        return Broken(self.next(file, reason, line=line), reason, excerpt)
