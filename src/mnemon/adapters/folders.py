"""What a folder or an archive holds that can be imported: each file by itself, or the whole as one export."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from mnemon.adapters.importers import Import, detect, limits
from mnemon.adapters.importers.detect import members
from mnemon.adapters.importers.files import is_pipe
from mnemon.adapters.importers.registry import find, formats
from mnemon.adapters.importers.wholefile import WholeFile
from mnemon.core.errors import Invalid, MnemonError

#: Formats that read a directory as one export.
_DIRECTORIES = ("chatgpt", "claude", "maildir", "slack")


@dataclass(frozen=True, slots=True)
class Target:
    """One file to import: with its name in an archive, if it is in one."""

    path: Path
    format: str
    member: str | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"


@dataclass(slots=True)
class Plan:
    """The files to import, and those that are in no known form, each with why."""

    kind: str
    targets: list[Target] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)


def plan_of(path: Path, name: str | None) -> Plan | None:
    """Return which files of a folder or an archive are to be imported; None where the path is one thing to import.

    Args:
        path: what is to be imported.
        name: the format of all its files, or None to find out each one's.

    Raises:
        Invalid: there is none of a known format.
    """
    if is_pipe(path) or not path.exists():
        return None
    if path.is_file():
        return _archive(path, name) if zipfile.is_zipfile(path) else None
    if _is_export(path, name):
        return None
    plan = Plan("folder")
    kind = find(name).load() if name else None
    _walk(path, name, kind, plan)
    if not plan.targets:
        first = f" {plan.unknown[0][1]}" if plan.unknown else ""
        raise Invalid(
            f"{path} is a directory without a file of a known format.{first}",
            code="invalid.import.format",
            hint=f"The formats are {', '.join(formats())}.",
            path=str(path),
        )
    return plan


def _archive(path: Path, name: str | None) -> Plan | None:
    """Return the files of an archive; None where it is an export as a whole, or holds one file or none."""
    kind = find(name).load() if name else None
    if kind is not None and not issubclass(kind, WholeFile):
        return None
    if kind is None:
        try:
            detect(path)
        except MnemonError as error:
            if error.code != "invalid.import.format":
                return None
        else:
            return None
    matches, unknown = members(path, kind)
    if len(matches) < 2:
        return None
    targets = [Target(path, entry, member) for member, entry in matches]
    return Plan("archive", targets, [(f"{path}/{member}", why) for member, why in unknown])


def _is_export(path: Path, name: str | None) -> bool:
    """Tell whether a directory is one export of a format that has directories."""
    if name in _DIRECTORIES:
        return True
    if name is not None:
        return False
    try:
        return detect(path) in _DIRECTORIES
    except MnemonError:
        return False


def _walk(folder: Path, name: str | None, kind: type[Import] | None, plan: Plan) -> None:
    """Note each file below a folder, in order of names; nothing hidden, and no link is followed."""
    with os.scandir(folder) as entries:
        listed = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in listed:
        path = Path(entry.path)
        if len(plan.targets) + len(plan.unknown) >= limits.MAX_ENTRIES:
            raise Invalid(
                f"{folder} is a directory with more than {limits.MAX_ENTRIES:,} files.",
                code="invalid.import.entries",
                hint="Import it folder by folder.",
            )
        if entry.is_symlink():
            plan.unknown.append((str(path), "It is a link, and links are not followed."))
        elif entry.is_dir():
            if _is_export(path, name):
                plan.targets.append(Target(path, name or detect(path)))
            else:
                _walk(path, name, kind, plan)
        elif entry.is_file():
            _note(path, name, plan)


def _note(path: Path, name: str | None, plan: Plan) -> None:
    try:
        inner = _archive(path, name) if zipfile.is_zipfile(path) else None
        if inner is not None:
            plan.targets += inner.targets
            plan.unknown += inner.unknown
        elif zipfile.is_zipfile(path) and (matches := members(path)[0]) and not _known(path):
            plan.targets.append(Target(path, matches[0][1], matches[0][0]))
        else:
            plan.targets.append(Target(path, name or detect(path)))
    except MnemonError as error:
        plan.unknown.append((str(path), error.message))


def _known(path: Path) -> bool:
    try:
        detect(path)
    except MnemonError:
        return False
    return True
