"""An array of objects, in the words that most logs use for who said what and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from mnemon.adapters.importers.fields import COLUMNS, BadRecord, Unread, columns_of, read_fields
from mnemon.adapters.importers.records import shown
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import Occurrences, Said, Talk, Unreadable, said_of
from mnemon.core.ids import digest


class JsonArray(Talk):
    """What JSON Lines have a line each, in one array; also lines, in an archive."""

    format: ClassVar[str] = "json"
    title: ClassVar[str] = "JSON array"
    description: ClassVar[str] = 'An array of objects such as `{"at": ..., "speaker": ..., "text": ...}`.'
    shape: ClassVar[frozenset[str]] = frozenset({"text", "content", "at", "timestamp", "speaker", "author", "role"})
    needs: ClassVar[str] = "an array of objects with `text` or `content`"
    options: ClassVar[frozenset[str]] = frozenset({"conversation", "columns"})

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise a first object that says something."""
        first = sample.first if sample.is_document else None
        says = first is not None and any(isinstance(first.get(key), str | list) for key in COLUMNS["text"])
        return Certainty.POSSIBLE if says else Certainty.NO

    @classmethod
    def likeness(cls, sample: Sample) -> float:
        """Count an array as half of it."""
        return 1.0 if sample.head.lstrip()[:1] == b"[" else 0.0

    def keys_found(self) -> tuple[str, ...]:
        """Return some keys of the objects that could not be read."""
        return self._unread.keys

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the objects."""
        self._unread = Unread()
        columns, met = columns_of(self.columns), Occurrences()
        for number, line, record in self.objects():
            where = f"line {line}" if line else f"element {number}"
            if isinstance(record, str):
                yield Unreadable(record, line=line)
                continue
            keys = dict.fromkeys(record)
            try:
                fields = read_fields(record, columns, self.zone)
            except BadRecord as bad:
                self._unread.note(keys)
                yield Unreadable(f"{where}: {bad}", shown(record), line)
                continue
            conversation = fields.conversation or self.conversation or self.stem
            when = fields.as_written.isoformat() if fields.as_written else where
            key = digest(conversation, when, fields.speaker or "", fields.text)
            yield said_of(fields, conversation, key, line, met)
