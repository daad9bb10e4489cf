"""What the importers have in common: a format is one class, and one import is one file, read from a position on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, TypedDict, Unpack, final

from mnemon.adapters.importers.records import Anchor, Broken, Position, Record
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest


class Options(TypedDict, total=False):
    """What an importer may be given beside the path; see :func:`open_import`."""

    start: Position | None
    conversation: str | None
    columns: Mapping[str, str] | None


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
        options: which of ``conversation`` and ``columns`` have a meaning for it; the others are refused.
        path: what is read.
        start: after which record to begin, or None for the beginning.
        conversation: the conversation of records that name none, or None.
        columns: which key holds what, or None.
        total_bytes: the denominator of :attr:`bytes_read`; None for a pipe.
        fingerprint: the same for the same file, different for another. A JSONL or mbox file to which something
            was appended keeps its fingerprint, so that it resumes where it was.
    """

    format: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    keys: ClassVar[frozenset[str]] = frozenset()
    expects: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[frozenset[str]] = frozenset()
    total_bytes: int | None
    fingerprint: str

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
        # Opening puts a look at each record in its place where the importer is not one of ours.
        self.reader: Callable[[Anchor], Iterator[Record]] = self.records
        for option in ("conversation", "columns"):
            if given.get(option) is not None and option not in self.options:
                raise self._meaningless(option)

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Say how sure it is that a file is of this format, beside its :attr:`keys`; by its name unless overridden."""
        return Certainty.POSSIBLE if sample.name.endswith(cls.suffixes) else Certainty.NO

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
            Invalid: the file is not the one that was begun, or it is damaged beyond reading on.
        """
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
