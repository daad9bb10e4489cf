"""Which importers there are: entry points of the group ``mnemon.importers``, Mnemon's own and those of others.

Names are known without importing anybody's code. An importer that cannot be loaded is an error only for whoever asks
for it by name; the others go on.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from mnemon.adapters.importers.records import excerpt
from mnemon.core.errors import Invalid, MnemonError, Unavailable

if TYPE_CHECKING:
    from mnemon.adapters.importers.base import Import

GROUP = "mnemon.importers"
_PACKAGE = "mnemon.adapters.importers"
_OURS = "mnemon"
# It becomes a part of the names of checkpoints, and the source of messages.
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")


@dataclass(frozen=True, slots=True)
class Importer:
    """A format that somebody has registered.

    Attributes:
        name: the format's name, as ``format`` takes it.
        distributions: who has registered it; more than one is an error as soon as it is asked for.
        entry: where its class is.
        unused: who else has registered this name, in vain because it is one of Mnemon's own.
    """

    name: str
    distributions: tuple[str, ...]
    entry: EntryPoint
    unused: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it comes with Mnemon."""
        return self.distributions == (_OURS,)

    @property
    def distribution(self) -> str:
        """Whose it is, for people."""
        return " and ".join(self.distributions)

    def load(self) -> type[Import]:
        """Import the importer's class.

        Raises:
            Invalid: two distributions have registered this name.
            Unavailable: its module cannot be imported, or what is registered is no importer of this name.
        """
        if len(self.distributions) > 1:
            raise Invalid(
                f"`{self.name}` is the name of formats of {self.distribution}.",
                code="invalid.import.format_twice",
                hint="Uninstall all of them but one.",
                field="format",
                distributions=list(self.distributions),
            )
        try:
            kind = self.entry.load()
        except (Exception, SystemExit) as error:
            raise self._unusable(f"cannot be loaded: {excerpt(repr(error), 200)}") from error
        if problem := _problem(self.name, kind):
            raise self._unusable(f"cannot be used: {problem}")
        loaded: type[Import] = kind
        return loaded

    def _unusable(self, what: str) -> Unavailable:
        return Unavailable(
            f"The importer `{self.name}` ({self.entry.value}) of {self.distribution} {what}.",
            code="unavailable.importer",
            hint=f"Install a version of {self.distribution} that fits, or uninstall it.",
            format=self.name,
            distribution=self.distribution,
        )


def importers() -> dict[str, Importer]:
    """Return every installed importer by the name of its format: Mnemon's own first, each part in order of names."""
    return dict(_installed(tuple(sys.path)))


def formats() -> tuple[str, ...]:
    """Return the names of the formats, as ``format`` takes them."""
    return tuple(importers())


def find(name: str) -> Importer:
    """Return the importer of a format.

    Raises:
        Invalid: there is none; the message lists those there are.
    """
    importer = importers().get(name)
    if importer is None:
        raise Invalid(
            f"`{excerpt(name)}` is not a format. The formats are {', '.join(formats())}.",
            code="invalid.import.format",
            hint="Leave the format out to have it found out from the file.",
            field="format",
            formats=list(formats()),
        )
    return importer


def load_all(wanted: Iterable[Importer]) -> tuple[dict[str, type[Import]], list[MnemonError]]:
    """Return the classes of those that can be loaded, by their names; and what is wrong with the others."""
    kinds: dict[str, type[Import]] = {}
    problems: list[MnemonError] = []
    for importer in wanted:
        try:
            kinds[importer.name] = importer.load()
        except MnemonError as error:
            problems.append(error)
    return kinds, problems


# By the path: what a changed path brings is seen, and the metadata of a hundred distributions are read once.
@lru_cache(maxsize=8)
def _installed(_path: tuple[str, ...]) -> tuple[tuple[str, Importer], ...]:
    ours: dict[str, EntryPoint] = {}
    others: defaultdict[str, dict[str, EntryPoint]] = defaultdict(dict)
    for entry in entry_points(group=GROUP):
        distribution = entry.dist.name if entry.dist else "an unnamed distribution"
        if distribution == _OURS:
            ours[entry.name] = entry
        else:
            others[entry.name][distribution] = entry
    # A tree of sources, or a copy without its metadata.
    ours = ours or {entry.name: entry for entry in in_package()}
    installed = [Importer(name, (_OURS,), ours[name], tuple(sorted(others.get(name, ())))) for name in sorted(ours)]
    for name in sorted(others.keys() - ours.keys()):
        entries = others[name]
        installed.append(Importer(name, tuple(sorted(entries)), next(iter(entries.values()))))
    return tuple((importer.name, importer) for importer in installed)


def in_package() -> Iterator[EntryPoint]:
    """Mnemon's own importers as they would be registered, found by looking through the package."""
    from mnemon.adapters.importers.base import Import

    for module in iter_modules(import_module(_PACKAGE).__path__, f"{_PACKAGE}."):
        for name, value in sorted(vars(import_module(module.name)).items()):
            if not (isinstance(value, type) and issubclass(value, Import)) or value.__module__ != module.name:
                continue
            if not isabstract(value):
                yield EntryPoint(value.format, f"{module.name}:{name}", GROUP)


def _problem(name: str, kind: object) -> str | None:
    """Return what about a class keeps it from being an importer of this name; or None."""
    from mnemon.adapters.importers.base import Import

    if not _NAME.fullmatch(name):
        return f"a format's name matches {_NAME.pattern}"
    if not isinstance(kind, type) or not issubclass(kind, Import):
        return f"it is not a subclass of {_PACKAGE}.Import"
    if isabstract(kind):
        return f"it does not define {', '.join(sorted(kind.__abstractmethods__))}"
    if getattr(kind, "format", None) != name:
        return f"its `format` is {getattr(kind, 'format', None)!r}"
    if kind.__iter__ is not Import.__iter__:
        return "it overrides __iter__; define `records`"
    missing = [word for word in ("title", "description") if not getattr(kind, word, None)]
    if missing:
        return f"it has no `{missing[0]}`"
    for word, kinds in (("suffixes", tuple), ("expects", tuple), ("keys", frozenset), ("options", frozenset)):
        values = getattr(kind, word)
        if not isinstance(values, kinds) or not all(isinstance(value, str) and value for value in values):
            return f"its `{word}` is not a {kinds.__name__} of texts"
    return None
