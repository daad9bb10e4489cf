"""Mail in files of their own: a Maildir, as mail servers keep it, and single ``.eml`` files."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.base import Counter, Import, Options
from mnemon.adapters.importers.files import (
    DAMAGE,
    content_digest,
    open_plain,
    reading,
    require_exists,
    require_file,
)
from mnemon.adapters.importers.letters import NoLetter, letter_of
from mnemon.adapters.importers.records import Anchor, Position, Record, excerpt, printable
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
        with reading(path):
            self._files = self.files()
        self._sizes = {file: seen.st_size for file in self._files if (seen := _seen(file)) is not None}
        self.total_bytes = sum(self._sizes.values())

    @abstractmethod
    def files(self) -> list[Path]:
        """Return the files, in their order.

        Raises:
            NotFound: nothing is there.
            Invalid: there are none, or more than :data:`limits.MAX_ENTRIES`.
        """

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
            content = b""
            try:
                with open_plain(file) as stream:
                    content = stream.read(limits.MAX_MAIL)
                    cut = bool(stream.read(1))
                letter = letter_of(content, self.leave_out, self.zone)
            except DAMAGE as error:
                yield counter.broken(name, f"{name}: it cannot be read: {excerpt(str(error))}")
            except (NoLetter, Invalid) as error:
                yield counter.broken(name, f"{name}: {error}", excerpt(content))
            else:
                yield from letter.utterances(self.format, {"truncated": True} if cut else {}, _placing(counter, name))
            self._read += self._sizes.get(file, 0)


def _placing(counter: Counter, name: str) -> Callable[[int, str, str], Position]:
    return lambda _, source_id, text: counter.next(name, f"{source_id}:{text}")


def _seen(file: Path) -> os.stat_result | None:
    """Return what is known of a file; None where it is gone: another program may read the same mail."""
    try:
        return file.stat()
    except OSError:
        return None


class Maildir(MailFiles):
    """The folders ``cur`` and ``new`` of a Maildir, and those of the folders in it."""

    format: ClassVar[str] = "maildir"
    title: ClassVar[str] = "Maildir"
    description: ClassVar[str] = "Mail in a directory with `cur` and `new`, a file a mail; each thread a conversation."
    needs: ClassVar[str] = "the folders `cur` and `new`"
    expects: ClassVar[tuple[str, ...]] = ("cur", "new")

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise the two folders, if there is a mail in one of them, or in those of a folder."""
        if sample.kind != "directory" or not all((sample.path / name).is_dir() for name in _FOLDERS):
            return Certainty.NO
        holds = any(True for spot in _spots(sample.path) for _ in _mails(spot))
        return Certainty.CERTAIN if holds else Certainty.NO

    def identify(self) -> str:
        """Return the digest of the mails' names, sizes and times.

        A mail server gives each mail a name of its own and never changes what is in it, so that nothing has to be read
        to know the mails again. What follows a colon in a name says whether somebody has read it.
        """
        parts = []
        for file in self._files:
            seen = _seen(file)
            folder = file.parent.parent.relative_to(self.path).as_posix()
            parts += [folder, _bare(file), str(seen and (seen.st_size, seen.st_mtime_ns))]
        return digest("maildir", *parts)

    def files(self) -> list[Path]:
        """Return the mails, also those of folders (``.Sent``), by folder and name."""
        require_exists(self.path)
        matches: list[Path] = []
        for spot in _spots(self.path) if self.path.is_dir() else []:
            # Not by folder: a mail goes from `new` to `cur` when it is read, and stays the mail that it is.
            matches += sorted(_mails(spot), key=lambda file: (_bare(file), file.parent.name))
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


def _spots(path: Path) -> list[Path]:
    """Return the Maildir itself and the folders in it, each with `cur` and `new` of its own."""
    return [path, *sorted(entry for entry in path.glob(".*") if entry.is_dir() and not entry.is_symlink())]


def _mails(spot: Path) -> Iterator[Path]:
    for folder in _FOLDERS:
        inner = spot / folder
        if inner.is_dir() and not inner.is_symlink():
            yield from (entry for entry in inner.iterdir() if entry.is_file() and not entry.is_symlink())


def _bare(file: Path) -> str:
    """Return a mail's name without what says whether it was read."""
    return printable(file.name).split(":")[0]


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

    def identify(self) -> str:
        """Return the digest of the mail."""
        return content_digest(self.path)
