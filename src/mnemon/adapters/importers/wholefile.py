"""One file that is read from its beginning, also to go on: the simplest kind of importer."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.base import Import, Options
from mnemon.adapters.importers.files import ByteSource, head_and_tail, is_pipe
from mnemon.adapters.importers.jsonstream import DamagedJson, MeteredStream, elements
from mnemon.core.errors import Invalid

_BOM = "\ufeff"


class WholeFile(Import):
    """A file of text or of JSON, plain or gzip, that is written once and not appended to.

    A subclass goes through :meth:`lines` or :meth:`elements` and takes positions from a :class:`Counter`. A longer
    later export is another file to it: what is stored already has the same ``source_id`` and is passed over.

    Attributes:
        file: the file's name as positions show it.
    """

    def __init__(self, path: Path, **given: Unpack[Options]) -> None:
        super().__init__(path, **given)
        if is_pipe(path):
            raise Invalid(
                f"A file of {self.title} cannot be read from a pipe.",
                code="invalid.import.pipe",
                hint="Save it as a file and import that.",
                path=str(path),
            )
        self._source = ByteSource(path, f"a file of {self.title}")
        self.file = self._source.name
        size = self._source.total or 0
        self.total_bytes = size
        self.fingerprint = head_and_tail(path, size)

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file (compressed, if it is) have been read."""
        return self._source.bytes_read

    def lines(self) -> Iterator[tuple[int, str]]:
        """Go through the lines: each one's number, from 1, and its text without its end; what is not UTF-8 is U+FFFD.

        Raises:
            DamagedJson: a line is longer than :data:`limits.MAX_LINE`, or the file cannot be unpacked any further.
        """
        with self._source.open(0) as stream:
            number = 0
            while raw := self._line(stream.readline, number):
                number += 1
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                yield number, line.removeprefix(_BOM) if number == 1 else line

    def _line(self, readline: Any, before: int) -> bytes:
        try:
            raw: bytes = readline(limits.MAX_LINE + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise DamagedJson(f"after line {before}: the compressed file is damaged: {error}") from error
        if len(raw) > limits.MAX_LINE and not raw.endswith(b"\n"):
            raise DamagedJson(f"line {before + 1} has more than {limits.MAX_LINE:,} bytes")
        return raw

    def elements(self) -> Iterator[Any]:
        """Go through the elements of the JSON array that the file is; or its one document, if it is no array.

        Raises:
            DamagedJson: it is not JSON from some place on, or nested too deeply; the elements before that were given.
            Invalid: an element is larger than :data:`limits.MAX_ELEMENT`.
        """
        with self._source.open(0) as stream:
            try:
                yield from elements(MeteredStream(stream, self.file))
            except (EOFError, OSError, zlib.error) as error:
                raise DamagedJson(f"the compressed file is damaged: {error}") from error
