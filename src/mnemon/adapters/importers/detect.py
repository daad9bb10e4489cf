"""Finding out a file's format: every importer is asked, Mnemon's own first.

In this order: one of Mnemon's own is certain; one of somebody else's is certain; the file has the name of one of
Mnemon's own, or looks like it; or that of somebody else's. So an importer that takes every file for its own gets only
those that none of Mnemon's own is certain of, and two of others that are equally sure are an error and not a matter of
luck. Of Mnemon's own, a file that is named as one of them is asked about that one alone.
"""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from mnemon.adapters.importers import foreign
from mnemon.adapters.importers.base import Import
from mnemon.adapters.importers.records import excerpt, printable
from mnemon.adapters.importers.registry import Importer, formats, importers, load_all
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.wholefile import WholeFile
from mnemon.core.errors import Invalid, MnemonError

#: Names of files in an archive that may be texts, and how many of them are looked at.
_MEMBERS = (".json", ".jsonl", ".ndjson", ".txt", ".md", ".markdown", ".csv", ".tsv", ".vtt", ".log")
_MOST_MEMBERS = 2_000
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
        matches, _ = members(path)
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


def members(path: Path, kind: type[Import] | None = None) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the files of a zip archive that are of a known format, with its name, and those that are not, with why.

    Files whose names are those of no text (pictures, sounds) are passed over.

    Raises:
        Invalid: the archive is damaged.
    """
    if not path.is_file() or not zipfile.is_zipfile(path):
        return [], []
    matches: list[tuple[str, str]] = []
    unknown: list[tuple[str, str]] = []
    for name in [name for name in Sample(path).names if name.lower().endswith(_MEMBERS)][:_MOST_MEMBERS]:
        if kind is not None:
            if kind.recognises(Sample(path, name)) or Sample(path, name).name.endswith(kind.suffixes):
                matches.append((name, kind.format))
            continue
        try:
            matches.append((name, detect(path, name)))
        except MnemonError as error:
            unknown.append((name, error.message))
    return matches, unknown


def detect(path: Path, member: str | None = None) -> str:
    """Return the name of the format of a file, or of one file of an archive.

    A pipe (also ``-``, standard input) cannot be looked at beforehand and is taken as JSON Lines.

    Raises:
        NotFound: nothing is there.
        Invalid: it is empty, in none of the formats, or equally well in two; the message lists them.
    """
    sample = Sample(path, member)
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
