"""Finding out a file's format: every importer is asked, Mnemon's own first.

In this order: one of Mnemon's own is certain; one of somebody else's is certain; the file has the name of one of
Mnemon's own, or looks like it; or that of somebody else's. So an importer that takes every file for its own gets only
those that none of Mnemon's own is certain of, and two of others that are equally sure are an error and not a matter of
luck. Of Mnemon's own, a file that is named as one of them is asked about that one alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from mnemon.adapters.importers import foreign
from mnemon.adapters.importers.base import Import
from mnemon.adapters.importers.registry import Importer, formats, importers, load_all
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.core.errors import Invalid, MnemonError

_WHAT = {"gzip": "gzip, but not named as any format is", "zip": "a zip file", "directory": "a directory"}


def detect(path: Path) -> str:
    """Return the name of a file's format.

    A pipe (also ``-``, standard input) cannot be looked at beforehand and is taken as JSON Lines.

    Raises:
        NotFound: nothing is there.
        Invalid: it is empty, in none of the formats, or equally well in two; the message lists them.
    """
    sample = Sample(path)
    installed = importers()
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


class _Asked:
    """What some importers say about a file."""

    def __init__(self, sample: Sample, asked: Mapping[str, Importer], *, by_name: bool = False) -> None:
        self.sample = sample
        self.kinds, self.problems = load_all(asked.values())
        self._said: dict[str, Certainty] = {}
        self._document: dict[str, str | None] = {}
        by_suffix = {name: kind for name, kind in self.kinds.items() if sample.name.endswith(kind.suffixes)}
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
    return Invalid(
        f"{sample.path} is {description}. The formats are {', '.join(formats())}.{not_asked}",
        code="invalid.import.format",
        hint="Name the format if you know which it is.",
        field="format",
        formats=list(formats()),
    )
