"""Mail in files of their own: a Maildir, as mail servers keep it, and single ``.eml`` files."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.base import Counter, Import, Options
from mnemon.adapters.importers.files import content_digest, open_plain, require_exists, require_file
from mnemon.adapters.importers.letters import Letter, NoLetter, letter_of
from mnemon.adapters.importers.records import Anchor, Record, Utterance, excerpt, printable
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

_HEADERS = re.compile(rb"(?:^|\n)(From|To|Subject|Date|Message-ID|Received|Return-Path|MIME-Version):", re.I)
_FIRST = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{1,60}: ?[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*){2}")
_FOLDERS = ("cur", "new")


class MailFiles(Import):
    """Mails that are a file each: a subclass says which files."""

    def __init__(self, path: Path, **given: Unpack[Options]) -> None:
        super().__init__(path, **given)
        self._read = 0
        self._files = self.files()
        self.total_bytes = sum(file.stat().st_size for file in self._files)

    @abstractmethod
    def files(self) -> list[Path]:
        """Return the files, in their order.

        Raises:
            NotFound: nothing is there.
            Invalid: there are none, or more than :data:`limits.MAX_ENTRIES`.
        """

    def identify(self) -> str:
        """Return the digest of all mails."""
        return digest(*(part for file in self._files for part in (file.name.split(":")[0], content_digest(file))))

    @property
    def bytes_read(self) -> int:
        """How many bytes of the files have been read."""
        return self._read

    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the mails."""
        counter = Counter()
        self._read = 0
        self.left_out.clear()
        for file in self._files:
            name = printable(file.name)
            try:
                with open_plain(file) as stream:
                    content = stream.read(limits.MAX_MAIL)
                    cut = bool(stream.read(1))
                self._read += file.stat().st_size
                letter = letter_of(content, self.leave_out)
            except (OSError, EOFError) as error:
                yield counter.broken(name, f"{name}: it cannot be read: {excerpt(str(error))}")
                continue
            except NoLetter as error:
                yield counter.broken(name, f"{name}: {error}", excerpt(content))
                continue
            yield from self._letter(letter, name, counter, {"truncated": True} if cut else {})

    def _letter(self, letter: Letter, name: str, counter: Counter, more: dict[str, bool]) -> Iterator[Record]:
        for text, source_id, metadata in letter.parts():
            yield Utterance(
                text=text,
                at=letter.at,
                speaker=letter.speaker,
                role="user",
                conversation=letter.thread,
                conversation_title=letter.subject,
                session=None,
                source=self.format,
                source_id=source_id,
                position=counter.next(name, f"{source_id}:{text}"),
                metadata={**metadata, **more},
            )


class Maildir(MailFiles):
    """The folders ``cur`` and ``new`` of a Maildir, and those of the folders in it."""

    format: ClassVar[str] = "maildir"
    title: ClassVar[str] = "Maildir"
    description: ClassVar[str] = "Mail in a directory with `cur` and `new`, a file a mail; each thread a conversation."
    needs: ClassVar[str] = "the folders `cur` and `new`"
    expects: ClassVar[tuple[str, ...]] = ("cur", "new")

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise the two folders."""
        is_one = sample.kind == "directory" and all((sample.path / name).is_dir() for name in _FOLDERS)
        return Certainty.CERTAIN if is_one else Certainty.NO

    def files(self) -> list[Path]:
        """Return the mails, also those of folders (``.Sent``), by folder and name."""
        require_exists(self.path)
        matches: list[Path] = []
        places = [
            self.path,
            *sorted(entry for entry in self.path.glob(".*") if entry.is_dir() and not entry.is_symlink()),
        ]
        for spot in places if self.path.is_dir() else []:
            for folder in _FOLDERS:
                inner = spot / folder
                if inner.is_dir() and not inner.is_symlink():
                    matches += sorted(entry for entry in inner.iterdir() if entry.is_file() and not entry.is_symlink())
                if len(matches) > limits.MAX_ENTRIES:
                    raise Invalid(
                        f"{self.path} has more than {limits.MAX_ENTRIES:,} mails.",
                        code="invalid.import.entries",
                        hint="Import it folder by folder.",
                    )
        if not matches:
            require_file(self.path, "a Maildir") if not self.path.is_dir() else None
            raise Invalid(
                f"{self.path} has no mails in `cur` and `new`, so it is not a Maildir.",
                code="invalid.import.format",
                hint="Give the directory that the two are in.",
                path=str(self.path),
            )
        return matches


class Eml(MailFiles):
    """One mail."""

    format: ClassVar[str] = "eml"
    title: ClassVar[str] = "Mail"
    description: ClassVar[str] = "One mail in a file of its own, as mail programs save it."
    suffixes: ClassVar[tuple[str, ...]] = (".eml",)
    needs: ClassVar[str] = "headers of a mail, such as `From:` and `Date:`"

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise headers at the beginning, some of which only mails have."""
        head = sample.head[:16_384]
        known = {name.lower() for name in _HEADERS.findall(head.split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0])}
        if _FIRST.match(head) and len(known) > 1 and known & {b"message-id", b"received", b"mime-version", b"from"}:
            return Certainty.CERTAIN
        return super().recognises(sample)

    def files(self) -> list[Path]:
        """Return the one file."""
        require_file(self.path, "a mail")
        return [self.path]
