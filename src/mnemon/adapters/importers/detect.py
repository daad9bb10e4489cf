"""Finding out a file's format: every importer is asked, Mnemon's own first.

In this order: one of Mnemon's own is certain; one of somebody else's is certain; the file has the name of one of
Mnemon's own, or looks like it; or that of somebody else's. So an importer that takes every file for its own gets only
those that none of Mnemon's own is certain of, and two of others that are equally sure are an error and not a matter of
luck. Of Mnemon's own, a file that is named as one of them is asked about that one alone.
"""

from __future__ import annotations

import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mnemon.adapters.importers import foreign
from mnemon.adapters.importers.archive import open_tree
from mnemon.adapters.importers.base import Import
from mnemon.adapters.importers.files import reading
from mnemon.adapters.importers.records import excerpt, printable
from mnemon.adapters.importers.registry import Importer, formats, importers, load_all
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.wholefile import WholeFile
from mnemon.adapters.importers.zips import Archive
from mnemon.core.errors import Invalid, MnemonError

#: Names of files in an archive that may be texts, and how many of them are looked at: some minutes' worth.
_MEMBERS = (".json", ".jsonl", ".ndjson", ".txt", ".md", ".markdown", ".csv", ".tsv", ".vtt", ".log", ".html", ".htm")
_MOST_MEMBERS = 20_000
#: Errors that say that a file is not anybody's, and nothing against the file.
UNKNOWN = ("invalid.import.format", "invalid.import.ambiguous", "invalid.import.empty", "invalid.import.several")
_WHAT = {"gzip": "gzip of what is in no format that is known here", "zip": "a zip file", "directory": "a directory"}


def detect_in(path: Path) -> tuple[str, str | None]:
    """Return the name of a file's format; of an archive that is no export, its one file of a known format as well.

    Raises:
        NotFound: nothing is there.
        Invalid: as :func:`detect`; or an archive holds several files of a known format.
    """
    try:
        return detect(path), None
    except Invalid as error:
        if error.code != "invalid.import.format":
            raise
        matches = members(path).matches
        if not matches:
            raise
        if len(matches) > 1:
            raise Invalid(
                f"{path} holds {len(matches)} files of conversations, such as {excerpt(matches[0][0])}.",
                code="invalid.import.several",
                hint="Name one of them, or import the archive as a whole.",
                path=str(path),
            ) from None
        return matches[0][1], matches[0][0]


@dataclass(slots=True)
class Members:
    """The files of an archive, by what became of them at a look.

    Attributes:
        matches: the name of each file of a known format, and the format's.
        unknown: the name of each that is of none, or was not looked at, and why.
        failed: the name of each that could not be looked at, and why not.
        others: how many files have names of no text (pictures, sounds), by the ending of the name.
    """

    matches: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def sort(self, name: str, error: MnemonError) -> None:
        """Sort a file in that could not be recognised: of no format, or in itself not to be read."""
        (self.unknown if error.code in UNKNOWN else self.failed).append((name, error.message))


def members(path: Path, kind: type[Import] | None = None) -> Members:
    """Look at the files of a zip archive; of what is no archive there are none.

    Args:
        path: what may be an archive.
        kind: the format that each file is asked about, or None for all of them.

    Raises:
        Invalid: the archive is damaged.
    """
    seen = Members()
    with reading(path):
        if not path.is_file() or not zipfile.is_zipfile(path):
            return seen
    with Archive(path) as archive:
        texts = []
        for name in sorted(archive.sizes):
            if name.lower().endswith(_MEMBERS):
                texts.append(name)
            else:
                seen.others[printable(Path(name).suffix.lower())[:20]] += 1
        for name in texts[:_MOST_MEMBERS]:
            _look(path, name, archive, kind, seen)
    if unseen := texts[_MOST_MEMBERS:]:
        why = f"Not looked at: the archive has more than {_MOST_MEMBERS:,} texts. Unpack it and import its folders."
        seen.unknown += [(name, why) for name in unseen]
    return seen


def _look(path: Path, name: str, archive: Archive, kind: type[Import] | None, seen: Members) -> None:
    try:
        if not archive.sizes[name]:
            seen.unknown.append((name, "It is empty."))
            return
        with open_tree(path, "what is imported", archive).open(name) as stream:
            stream.read(1)  # a password, a link, damage: what hides what it is is no unknown format
        if kind is None:
            seen.matches.append((name, detect(path, name, archive)))
            return
        sample = Sample(path, name, archive)
        if kind.recognises(sample) or sample.name.endswith(kind.suffixes or ("\0",)):
            seen.matches.append((name, kind.format))
        else:
            seen.unknown.append((name, f"It is not in the format {kind.format}: it needs {kind.needs}."))
    except MnemonError as error:
        seen.sort(name, error)


def detect(path: Path, member: str | None = None, archive: Archive | None = None) -> str:
    """Return the name of the format of a file, or of one file of an archive (which stays open, where it is).

    A pipe (also ``-``, standard input) cannot be looked at beforehand and is taken as JSON Lines.

    Raises:
        NotFound: nothing is there.
        Invalid: it is empty, in none of the formats, or equally well in two; the message lists them.
    """
    sample = Sample(path, member, archive)
    installed = (
        importers() if member is None else {n: entry for n, entry in importers().items() if _reads_members(entry)}
    )
    ours = _Asked(sample, {name: importer for name, importer in installed.items() if importer.is_ours}, by_name=True)
    if certain := ours.certain():
        return certain[0]
    others = _Asked(sample, {name: importer for name, importer in installed.items() if not importer.is_ours})
    for names, is_ours in ((others.certain(), False), (ours.possible(), True), (others.possible(), False)):
        if len(names) > 1 and not is_ours:
            raise _two(path, [installed[name] for name in names])
        if names:
            return names[0]
    raise _unknown(sample, ours.kinds, ours.problems + others.problems)


def _reads_members(importer: Importer) -> bool:
    """Tell whether an importer reads one file of an archive."""
    return importer.is_ours and issubclass(importer.load(), WholeFile)


class _Asked:
    """What some importers say about a file."""

    def __init__(self, sample: Sample, asked: Mapping[str, Importer], *, by_name: bool = False) -> None:
        self.sample = sample
        self.kinds, self.problems = load_all(asked.values())
        self._said: dict[str, Certainty] = {}
        self._document: dict[str, str | None] = {}
        names = {sample.name, sample.plain_name}
        by_suffix = {
            name: kind for name, kind in self.kinds.items() if any(entry.endswith(kind.suffixes) for entry in names)
        }
        if by_suffix and sample.member is not None and "json" in self.kinds:
            by_suffix["json"] = self.kinds["json"]  # which reads lines where JSON Lines cannot: in an archive
        for name, kind in ((by_name and by_suffix) or self.kinds).items():
            try:
                if asked[name].is_ours:
                    certainty, document = kind.recognises(sample), kind.document(sample)
                else:
                    certainty, document = foreign.asked(asked[name], kind, sample)
            except MnemonError as error:
                if asked[name].is_ours:
                    raise
                self.problems.append(error)
            else:
                self._said[name], self._document[name] = certainty, document

    def certain(self) -> list[str]:
        """Return those that are certain of it; where none is, those that have the first key that is anybody's."""
        return [name for name, said in self._said.items() if said is Certainty.CERTAIN] or self._by_key()

    def possible(self) -> list[str]:
        """Return those that it may belong to; of several the one that has the name's ending."""
        found = [name for name, said in self._said.items() if said is Certainty.POSSIBLE]
        return [name for name in found if self.sample.name.endswith(self.kinds[name].suffixes)] or found

    def _by_key(self) -> list[str]:
        whose: defaultdict[str | None, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for name, document in self._documents():
            for key in self.kinds[name].keys:
                whose[document][key].append(name)
        for document, keys in whose.items():
            first = next((key for key in self.sample.keys(document) if key in keys), None)
            if first is not None:
                return keys[first]
        return []

    def _documents(self) -> Iterator[tuple[str, str | None]]:
        """Yield which importers look for keys, and where."""
        for name, document in self._document.items():
            if self.kinds[name].keys and (self.sample.is_document or document is not None):
                yield name, document


def _two(path: Path, found: list[Importer]) -> Invalid:
    words = " or ".join(f"`{importer.name}` (of {importer.distribution})" for importer in found)
    return Invalid(
        f"{path} may be {words}.",
        code="invalid.import.ambiguous",
        hint="Name the format.",
        field="format",
        formats=[importer.name for importer in found],
    )


def _unknown(sample: Sample, ours: Mapping[str, type[Import]], problems: list[MnemonError]) -> Invalid:
    description = _WHAT.get(sample.kind, "text or data in no format that is known here")
    if sample.kind in ("zip", "directory"):
        expected = list(dict.fromkeys(name for kind in ours.values() for name in kind.expects))
        description = (
            f"{description} without {', '.join(expected[:-1])} or {expected[-1]}" if len(expected) > 1 else description
        )
    not_asked = "".join(f" {problem.message}" for problem in problems)
    near = closest(sample, ours)
    sentence = " and ".join(f"`{name}` (it needs {kind.needs})" for name, kind in near)
    keys = ", ".join(f"`{printable(key)[:40]}`" for key in list(sample.first or {})[:8])
    return Invalid(
        f"{sample.path if sample.member is None else f'{sample.path}/{printable(sample.member)}'} is {description}."
        + (f" The closest are {sentence}." if sentence else "")
        + (f" Its first record has the keys {keys}." if keys else "")
        + f" The formats are {', '.join(formats())}.{not_asked}",
        code="invalid.import.format",
        hint="Name the format if you know which it is; columns say which key holds the text.",
        field="format",
        formats=list(formats()),
        closest=[name for name, _ in near],
    )


def closest(sample: Sample, kinds: Mapping[str, type[Import]]) -> list[tuple[str, type[Import]]]:
    """Return the two formats that a file of none is closest to, the closest first."""
    keys = set(sample.first or {})
    by = "archive" if sample.kind in ("zip", "directory") else "json" if keys else "text" if sample.text else ""
    scores = []
    for name, kind in kinds.items():
        if not kind.needs:
            continue
        medium = "archive" if kind.expects else "json" if kind.shape else "text"
        score = 2.0 * (medium == by or (by == "json" and bool(kind.shape)))
        score += 3 * len(keys & kind.shape) / (len(kind.shape) or 1)
        score += len({entry.rsplit("/", 1)[-1] for entry in sample.names} & set(kind.expects))
        score += 1.5 * sample.plain_name.endswith(kind.suffixes or ("\0",))
        scores.append((score, kind.likeness(sample), name, kind))
    best = sorted(scores, key=lambda row: (-row[0] - row[1], row[2] != "jsonl", row[2]))
    return [(name, kind) for _, _, name, kind in best[:2]]
