"""Tables with named columns: CSV and TSV, whatever separates their cells."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from mnemon.adapters.importers.fields import COLUMNS, BadRecord, Columns, Unread, columns_of, read_fields
from mnemon.adapters.importers.records import excerpt
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import Occurrences, Said, Talk, Unreadable, said_of
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

_SEPARATORS = "\t;,|"
#: Words for columns that tables have beside those of every record.
_WORDS: dict[str, tuple[str, ...]] = {
    "text": ("message", "body", "comment"),
    "at": ("time", "datetime", "sent_at", "when"),
    "speaker": ("sender", "from", "username"),
}
_MAX_COLUMNS = 500
_TOO_LONG = "lines of a table with more than 4 MB"


class Csv(Talk):
    """A table whose first row names its columns; each further row is a message, and what else it holds its metadata."""

    format: ClassVar[str] = "csv"
    title: ClassVar[str] = "CSV"
    description: ClassVar[str] = "A table with named columns such as `at`, `speaker` and `text`; any usual separator."
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".tab")
    needs: ClassVar[str] = "a first row with the names of its columns, one of them `text` or `content`"
    options: ClassVar[frozenset[str]] = frozenset({"conversation", "columns"})

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise a first row with a column for the text and another that is known; otherwise the name."""
        line = sample.text.split("\n", 1)[0]
        names = {name.strip().casefold() for name in _cells(line)}
        known = [field for field, words in _columns(None).items() if names & set(words)]
        if "text" in known and len(known) > 1 and len(names) < _MAX_COLUMNS:
            return Certainty.CERTAIN
        return Certainty.POSSIBLE if sample.plain_name.endswith(cls.suffixes) else Certainty.NO

    @classmethod
    def likeness(cls, sample: Sample) -> float:
        """Count a first row of several cells."""
        return 1.0 if len(_cells(sample.text.split("\n", 1)[0])) > 1 else 0.1

    def keys_found(self) -> tuple[str, ...]:
        """Return the names of the columns, where rows could not be read."""
        return self._unread.keys

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the rows."""
        self._unread = Unread()
        lines = _Lines(self.lines(), self.leave_out)
        header = next((line for line in lines if line.strip()), "")
        separator = separator_of(header)
        names = [name.strip() for name in _cells(header, separator)]
        columns = _columns(self.columns, {name.casefold(): name for name in names})
        if len(names) > _MAX_COLUMNS:
            raise Invalid(
                f"{self.file} has more than {_MAX_COLUMNS} columns.",
                code="invalid.import.columns",
                hint="Check that it is the right file.",
            )
        rows = csv.reader(lines, delimiter=separator, doublequote=True, skipinitialspace=False)
        met = Occurrences()
        while True:
            line = lines.number + 1
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield Unreadable(f"line {line}: no row of a table: {excerpt(str(error))}", line=line)
                continue
            if row is None:
                return
            if any(cell.strip() for cell in row):
                yield self._row(names, row, columns, line, met)

    def _row(
        self, names: list[str], row: list[str], columns: Columns, line: int, met: Occurrences
    ) -> Said | Unreadable:
        record: dict[str, Any] = {name: cell for name, cell in zip(names, row, strict=False) if name and cell.strip()}
        unnamed = [cell for n, cell in enumerate(row) if cell.strip() and (n >= len(names) or not names[n])]
        if unnamed:
            record["unnamed columns"] = unnamed
        try:
            fields = read_fields(dict(record), columns, self.zone)
        except BadRecord as bad:
            self._unread.note(record)
            return Unreadable(f"line {line}: {bad}", excerpt(" | ".join(row)), line)
        conversation = fields.conversation or self.conversation or self.stem
        # As in JSON Lines: who said what when, and the line where that is not enough.
        key = digest(conversation, str(record), "" if fields.at else str(line))
        return said_of(fields, conversation, key, line, met)


class _Lines:
    """The lines of the file as the reader of rows wants them, counted; without those that are too long for a row."""

    def __init__(self, lines: Iterator[tuple[int, str]], leave_out: Callable[[str], None]) -> None:
        self._lines = lines
        self._leave_out = leave_out
        self._next = next(lines, None)
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._next is None:
            raise StopIteration
        (self.number, line), self._next = self._next, next(self._lines, None)
        if self._next is not None and self._next[0] == self.number:
            while self._next is not None and self._next[0] == self.number:
                self._next = next(self._lines, None)
            self._leave_out(_TOO_LONG)
            line = ""
        # The reader takes NUL for the end of everything.
        return line.replace("\0", "\ufffd") + "\n"


def separator_of(header: str) -> str:
    """Return what separates the cells of a first row: of the usual signs the one that stands in it most often."""
    counts = {sign: len(_cells(header, sign)) for sign in _SEPARATORS}
    return max(counts, key=lambda sign: counts[sign]) if max(counts.values()) > 1 else ","


def _cells(line: str, separator: str = "") -> list[str]:
    try:
        return next(csv.reader([line[:50_000].replace("\0", "")], delimiter=separator or separator_of(line)), [])
    except csv.Error:
        return []


def _columns(given: Any, names: dict[str, str] | None = None) -> Columns:
    """Return which columns hold what, written as the table writes them."""
    columns = columns_of(given)
    for field, words in _WORDS.items():
        if columns[field] == COLUMNS[field]:
            columns[field] = (*columns[field], *words)
    if names is None:
        return columns
    return {
        field: tuple(dict.fromkeys(names.get(word.casefold(), word) for word in words))
        for field, words in columns.items()
    }
